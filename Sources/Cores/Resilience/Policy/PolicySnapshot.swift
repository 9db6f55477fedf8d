import ApusPrimitives

/// What a policy knows at one moment, for dashboards. A part that is off is nil.
public struct PolicySnapshot: Sendable {
    public let name: String
    public let configuration: ResiliencePolicy.Configuration
    public let counts: PolicyCounts
    public let breaker: CircuitBreaker.State?
}

extension ResiliencePolicy {
    public func snapshot() -> PolicySnapshot {
        let now = time.now()
        return state.withLock { state in
            PolicySnapshot(
                name: name, configuration: state.configuration, counts: state.counts,
                breaker: state.breaker.part?.state(at: now))
        }
    }
}
