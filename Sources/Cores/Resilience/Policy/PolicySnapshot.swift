import ApusPrimitives

/// What a policy knows at one moment, for dashboards. A part that is off is nil.
public struct PolicySnapshot: Sendable {
    public let name: String
    public let configuration: ResiliencePolicy.Configuration
    public let counts: PolicyCounts
    /// Permits of the rate limit that could be taken at once.
    public let permits: Int?
    /// How many calls the load shedding lets in at a time, and how many are in.
    public let limit: Int?
    public let inFlight: Int?
    /// Calls inside the bulkhead, and calls that wait for a place.
    public let inside: Int?
    public let waiting: Int?
    /// Retries that the budget still allows.
    public let retriesLeft: Int?
    /// After which time a hedge begins; nil also while too few latencies are known.
    public let hedgeDelay: Duration?
    public let breaker: CircuitBreaker.State?
    /// The share of calls that the adaptive breaker refuses: 0 to 1.
    public let throttled: Double?
}

extension ResiliencePolicy {
    public func snapshot() -> PolicySnapshot {
        let now = time.now()
        let state = state.withLock { $0 }
        return PolicySnapshot(
            name: name, configuration: state.settings.configuration, counts: state.counts,
            permits: state.rateLimit.part?.available(at: now), limit: state.limit.part?.limit,
            inFlight: state.limit.part?.inFlight, inside: state.settings.bulkhead?.running,
            waiting: state.settings.bulkhead?.waiting,
            retriesLeft: state.budget.part?.numbers(at: now).balance,
            hedgeDelay: state.settings.hedge?.withLock { $0.delay }, breaker: state.breaker.part?.state(at: now),
            throttled: state.adaptive.part?.numbers(at: now).rejectionProbability)
    }
}
