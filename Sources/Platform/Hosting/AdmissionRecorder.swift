import ApusObservability
import ApusPrimitives
import ApusResilience

/// Counts what a host's policy decides, as soon as the host runs: which registry it counts in is known only then.
final class AdmissionRecorder: Sendable {
    private let metrics = Locked<PolicyMetrics?>(nil)

    func begin(_ metrics: PolicyMetrics) {
        self.metrics.withLock { $0 = metrics }
    }

    func record(_ event: PolicyEvent) {
        metrics.withLock { $0 }?.record(event)
    }
}
