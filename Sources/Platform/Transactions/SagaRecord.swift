/// What the database holds about one saga, apart from who has claimed it. Times are in milliseconds since 1970.
struct SagaRecord: Hashable, Sendable {
    let id: String
    let name: String
    var phase: SagaPhase = .running
    /// Where a stuck saga goes on.
    var stuckPhase: SagaPhase?
    var steps: [SagaStepRecord]
    /// The saga's state as JSON.
    var state: [UInt8]
    var error: String?
    let createdAt: Int64
    var endedAt: Int64?
}

struct SagaStepRecord: Hashable, Sendable, Codable {
    let name: String
    let hasCompensation: Bool
    var phase: SagaStepPhase = .pending
    var attempts = 0
    var compensationAttempts = 0
    /// An attempt ended without saying whether it took effect.
    var isUncertain = false
    var error: String?
    var startedAt: Int64?
    var endedAt: Int64?
    /// Set while it waits for its next attempt, and only then.
    var retryAt: Int64?

    init(name: String, hasCompensation: Bool) {
        self.name = name
        self.hasCompensation = hasCompensation
    }

    /// Whether its effect may be there, and there is something to undo it.
    var needsCompensation: Bool {
        guard hasCompensation else { return false }
        switch phase {
        case .succeeded, .compensating: return true
        case .failed: return isUncertain
        case .pending, .running, .compensated, .skipped: return false
        }
    }
}
