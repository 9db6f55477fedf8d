import ApusPrimitives
import Metrics

/// What a coordinator reports through swift-metrics.
struct SagaMetrics: Sendable {
    /// A saga left the machine for good.
    func ended(_ record: SagaRecord) {
        Counter(
            label: "apus_saga_total", dimensions: [("saga", record.name), ("outcome", record.phase.rawValue)]
        ).increment()
    }

    func attempted(_ saga: String, step: String, isCompensation: Bool, outcome: SagaMachine.Outcome, took: Duration) {
        let result =
            switch outcome {
            case .succeeded: "succeeded"
            case .aborted: "aborted"
            case .failed, .unreadable: "failed"
            }
        let kind = isCompensation ? "compensation" : "action"
        Timer(
            label: "apus_saga_step_duration_seconds",
            dimensions: [("saga", saga), ("step", step), ("kind", kind), ("outcome", result)]
        ).recordNanoseconds(took.nanoseconds)
        guard isCompensation else { return }
        Counter(
            label: "apus_saga_compensations_total", dimensions: [("saga", saga), ("step", step), ("outcome", result)]
        ).increment()
    }

    /// The retry budget had no leave for another attempt.
    func postponed(_ saga: String, step: String, isCompensation: Bool) {
        Counter(
            label: "apus_saga_postponed_total",
            dimensions: [("saga", saga), ("step", step), ("kind", isCompensation ? "compensation" : "action")]
        ).increment()
    }

    func counted(stuck: Int) {
        Meter(label: "apus_saga_stuck").set(Double(stuck))
    }

    func counted(active: Int) {
        Meter(label: "apus_saga_active").set(Double(active))
    }
}
