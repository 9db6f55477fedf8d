import ApusResilience
import Logging
import ServiceLifecycle

extension InventoryService {
    /// What an instance does beside answering: ending the reservations whose lease has ended.
    func upkeep(time: TimeSource, logger: Logger) -> [any Service] {
        [
            PeriodicWork(
                name: "ending reservations",
                pause: { .milliseconds(tunables[InventoryTunable.sweepMilliseconds]) }, time: time, logger: logger,
                work: { try await sweep() })
        ]
    }
}
