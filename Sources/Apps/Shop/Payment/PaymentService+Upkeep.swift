import ApusResilience
import Logging
import ServiceLifecycle

extension PaymentService {
    /// What an instance does beside answering: forgetting card numbers in time.
    func upkeep(time: TimeSource, logger: Logger) -> [any Service] {
        [
            PeriodicWork(
                name: "forgetting cards",
                pause: { .milliseconds(tunables[PaymentTunable.sweepMilliseconds]) }, time: time, logger: logger,
                work: { try await sweep() })
        ]
    }
}
