import ApusPrimitives

extension PolicyState {
    /// Replaces the settings; a part that stays on keeps what it knows, one that is switched on begins anew.
    ///
    /// - Returns: the change of the breaker's state that this caused, and the limit of the load shedding if it is another.
    mutating func reconfigure(
        _ next: ResiliencePolicy.Configuration, on time: TimeSource, at now: MonotonicTime
    ) -> (transition: CircuitBreaker.Transition?, limit: Int?) {
        let before = (state: breaker.part?.state(at: now), limit: limit.part?.limit)
        rateLimit.update(next.rateLimit) {
            RateLimiter(names.rateLimit, configuration: $0)
        } change: {
            $0.reconfigure($1, at: now)
        }
        limit.update(next.loadShedding) {
            ConcurrencyLimit(names.loadShedding, configuration: $0)
        } change: {
            $0.reconfigure($1, at: now)
        }
        budget.update(next.retryBudget) {
            RetryBudget(names.retryBudget, configuration: $0)
        } change: {
            $0.reconfigure($1, at: now)
        }
        adaptive.update(next.adaptiveBreaker) {
            AdaptiveBreaker(names.adaptiveBreaker, configuration: $0)
        } change: {
            $0.reconfigure($1, at: now)
        }
        settings = PolicySettings(
            next,
            bulkhead: next.bulkhead.map {
                settings.bulkhead ?? Bulkhead(names.bulkhead, configuration: $0, time: time)
            },
            hedge: next.hedge.map { settings.hedge ?? Locked(Hedge(names.hedge, configuration: $0)) })
        var transition: CircuitBreaker.Transition?
        breaker.update(next.breaker) {
            CircuitBreaker(names.breaker, configuration: $0)
        } change: {
            transition = $0.reconfigure($1, at: now)
        }
        if breaker.part == nil, let state = before.state, state != .closed {
            transition = CircuitBreaker.Transition(from: state, to: .closed)
        }
        return (transition, limit.part?.limit == before.limit ? nil : limit.part?.limit)
    }
}

extension PolicySlot {
    /// - Parameters:
    ///   - make: a part that was off.
    ///   - change: one that stays on.
    mutating func update<Settings>(
        _ settings: Settings?, make: (Settings) -> Part, change: (inout Part, Settings) -> Void
    ) {
        guard let settings else {
            if part != nil { replace(with: nil) }
            return
        }
        if self.change({ change(&$0, settings) }) == nil { replace(with: make(settings)) }
    }
}
