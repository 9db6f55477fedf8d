import ApusPrimitives

/// The steps of `run`: each takes the lock once, and reports outside it.
extension ResiliencePolicy {
    /// A call comes in, and its first attempt begins.
    ///
    /// - Returns: the call, and why it must end at once.
    /// - Throws: why it may not come in.
    func admit(at now: MonotonicTime) throws -> (PolicyCall, PolicyRejection?) {
        let outer = Deadline.current
        let call: PolicyCall
        let refusal: PolicyRejection?
        do throws(PolicyRejection) {
            (call, refusal) = try state.withLock { state throws(PolicyRejection) in
                var call = try state.begin(outer, at: now)
                let refusal = state.beginAttempt(&call, at: now)
                return (call, refusal)
            }
        } catch {
            report(.rejected(by: error.part, error.error))
            throw error.error
        }
        report(.admitted(waited: .zero))
        if let refusal { report(.rejected(by: refusal.part, refusal.error)) }
        return (call, refusal)
    }

    /// The next attempt begins, after its wait.
    func again(_ call: inout PolicyCall, at now: MonotonicTime) -> PolicyRejection? {
        let refusal = state.withLock { $0.beginAttempt(&call, at: now) }
        if let refusal { report(.rejected(by: refusal.part, refusal.error)) }
        return refusal
    }

    /// The attempt was answered, and with it the call.
    func succeeded(_ call: inout PolicyCall, at now: MonotonicTime) {
        let transition = state.withLock { $0.succeeded(&call, at: now) }
        guard onEvent != nil else { return }
        if let transition { report(.breakerChanged(transition)) }
        report(.ended(.succeeded, attempts: call.attempts, took: now - call.started))
    }

    /// The attempt failed.
    ///
    /// - Parameter cause: what `body` threw; nil when it returned too late.
    /// - Returns: the wait before the next.
    /// - Throws: what the caller gets, when there is none.
    func failed(
        _ call: inout PolicyCall, _ cause: (any Error)?, _ lateness: PolicyCall.Lateness,
        classify: (any Error) -> RetryDecision, isFailure: (any Error) -> Bool, at now: MonotonicTime
    ) throws -> Duration {
        let error = names.error(of: call, lateness, cause, at: now)
        let isCancelled = lateness == .inTime && Task.isCancelled
        let outcome: CircuitBreaker.Outcome
        let decision: RetryDecision
        if lateness != .inTime {
            outcome = .failure
            decision = lateness == .callTooLate ? .stop : classify(error)
        } else if isCancelled {
            outcome = .ignored
            decision = .stop
        } else {
            outcome = error is CancellationError ? .ignored : isFailure(error) ? .failure : .success
            decision = classify(error)
        }
        let step = state.withLock {
            $0.failed(&call, error, lateness, outcome: outcome, decision, isCancelled: isCancelled, at: now)
        }
        if lateness == .attemptTooLate { report(.attemptTimedOut(attempt: call.attempts)) }
        if let transition = step.transition { report(.breakerChanged(transition)) }
        switch step.next {
        case .wait(let wait):
            report(.retrying(attempt: call.attempts + 1, after: wait, because: error))
            return wait
        case .reject(let rejection):
            report(.rejected(by: rejection.part, rejection.error))
            report(.ended(.failed, attempts: call.attempts, took: now - call.started))
            throw rejection.error
        case .pass(let ending):
            report(.ended(ending, attempts: call.attempts, took: now - call.started))
            throw error
        }
    }

    /// The call is over without a value: gives back what it holds.
    func ended(
        _ call: PolicyCall, _ ending: PolicyEvent.Ending, at now: MonotonicTime, _ error: any Error
    ) -> any Error {
        state.withLock { $0.end(call, ending) }
        report(.ended(ending, attempts: call.attempts, took: now - call.started))
        return error
    }
}
