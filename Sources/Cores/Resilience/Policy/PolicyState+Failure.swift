import ApusPrimitives

extension PolicyState {
    /// What an attempt that failed means: to the breakers, and to those who decide about another.
    struct Failure {
        let error: any Error
        let lateness: PolicyCall.Lateness
        let outcome: CircuitBreaker.Outcome
        let decision: RetryDecision
        let isCancelled: Bool
        /// The callee, or who stands before it, had no time for the call.
        let isDropped: Bool
    }

    /// What follows, and what the failure changed.
    struct Step {
        let next: Next
        let transition: CircuitBreaker.Transition?
        let limit: Int?
    }

    mutating func failed(_ call: inout PolicyCall, _ failure: Failure, at now: MonotonicTime) -> Step {
        if failure.lateness == .attemptTooLate { counts.attemptTimeouts += 1 }
        let transition = record(call.leave, failure.outcome, at: now)
        call.leave = PolicyCall.BreakerLeave()
        let next: Next
        if failure.isCancelled {
            next = .pass(.cancelled)
        } else if failure.lateness == .callTooLate, let error = failure.error as? ResilienceError {
            next = .reject(reject(.deadline, error))
        } else {
            next = self.next(&call, failure.error, failure.decision, at: now)
        }
        let ending: PolicyEvent.Ending
        switch next {
        case .wait: return Step(next: next, transition: transition, limit: nil)
        case .reject: ending = .failed
        case .pass(let how): ending = how
        }
        return Step(
            next: next, transition: transition,
            limit: end(ending, attempts: call.attempts, place: call.place, late: failure.isDropped, at: now))
    }
}
