import ApusPrimitives

/// The steps of `run`: each takes the lock once, and reports outside it.
extension ResiliencePolicy {
    /// A call comes in, and its first attempt begins unless it has to wait.
    ///
    /// - Returns: whether it is admitted, if not it has to `enter`; and why it must end at once.
    /// - Throws: why it may not come in.
    func arrive(_ call: inout PolicyCall, at now: MonotonicTime) throws -> (isAdmitted: Bool, PolicyRejection?) {
        let outer = Deadline.current
        var refusal: PolicyRejection?
        do throws(PolicyRejection) {
            refusal = try state.withLock { state throws(PolicyRejection) in
                try state.arrive(&call, outer, at: now)
                let mayWait = call.turn != nil || call.bulkhead != nil
                return mayWait ? nil : state.admit(&call, at: now)
            }
        } catch {
            report(.rejected(by: error.part, error.error))
            throw error.error
        }
        if call.turn != nil { return (false, nil) }
        if let bulkhead = call.bulkhead {
            guard bulkhead.tryAcquire() else { return (false, nil) }
            call.isInside = true
            refusal = state.withLock { $0.admit(&call, at: now) }
        }
        admitted(refusal, waited: .zero)
        return (true, refusal)
    }

    /// Waits for the call's turn and for a place in the bulkhead; then its first attempt begins.
    ///
    /// - Returns: why the call must end at once.
    /// - Throws: why it may not come in; `CancellationError`.
    func enter(_ call: inout PolicyCall) async throws -> PolicyRejection? {
        do {
            if let turn = call.turn {
                try await time.sleep(until: turn.permit)
                let now = time.now()
                try state.withLock { try $0.takePlace(&call, at: now) }
            }
            if let bulkhead = call.bulkhead, !bulkhead.tryAcquire() {
                try await Deadline.$current.withValue(call.deadline) { try await bulkhead.acquire() }
            }
        } catch let rejection as PolicyRejection {
            report(.rejected(by: rejection.part, rejection.error))
            throw rejection.error
        } catch let error as ResilienceError {
            let now = time.now()
            limited(state.withLock { $0.refuse(call, by: .bulkhead, error, at: now) })
            report(.rejected(by: .bulkhead, error))
            throw error
        } catch {
            let now = time.now()
            limited(state.withLock { $0.abandon(call, at: now) })
            report(.abandoned)
            throw error
        }
        call.isInside = call.bulkhead != nil
        let now = time.now()
        let refusal = state.withLock { $0.admit(&call, at: now) }
        admitted(refusal, waited: now - call.started)
        return refusal
    }

    /// The next attempt begins, after its wait.
    func again(_ call: inout PolicyCall, at now: MonotonicTime) -> PolicyRejection? {
        guard call.hedge == nil else { return nil }
        let refusal = state.withLock { $0.beginAttempt(&call, at: now) }
        if let refusal { report(.rejected(by: refusal.part, refusal.error)) }
        return refusal
    }

    /// The attempt was answered, and with it the call.
    func succeeded(_ call: PolicyCall, at now: MonotonicTime) {
        let (transition, limit) = state.withLock { state in
            (state.record(call.leave, .success, at: now), state.end(call, .succeeded, late: false, at: now))
        }
        if call.isInside { call.bulkhead?.release() }
        guard onEvent != nil else { return }
        if let transition { report(.breakerChanged(transition)) }
        limited(limit)
        report(.ended(.succeeded, attempts: call.attempts, took: now - call.started))
    }

    /// What the failure of an attempt means.
    ///
    /// - Parameter cause: what `body` threw; nil when it returned too late.
    func failure(
        of call: PolicyCall, _ cause: (any Error)?, _ lateness: PolicyCall.Lateness, _ safety: RetrySafety,
        _ classify: ((any Error) -> RetryDecision)?, _ isFailure: (any Error) -> Bool, at now: MonotonicTime
    ) -> PolicyState.Failure {
        let error = names.error(of: call, lateness, cause, at: now)
        let isCancelled = lateness == .inTime && Task.isCancelled
        let refusal = error as? ResilienceError
        let isOwnRefusal = refusal.map { $0.policy == names.breaker || $0.policy == names.adaptiveBreaker } ?? false
        let decision: RetryDecision
        if isCancelled || isOwnRefusal || lateness == .callTooLate {
            decision = .stop
        } else {
            decision = classify?(error) ?? safety.decision(on: error)
        }
        return PolicyState.Failure(
            error: error, lateness: lateness, outcome: Self.outcome(of: error, lateness, isFailure),
            decision: decision, isCancelled: isCancelled,
            isDropped: lateness != .inTime || ConcurrencyLimit.Outcome.of(error) == .dropped)
    }

    /// The attempt failed.
    ///
    /// - Returns: the wait before the next.
    /// - Throws: what the caller gets, when there is none.
    func failed(
        _ call: inout PolicyCall, _ failure: PolicyState.Failure, at now: MonotonicTime
    ) throws -> Duration {
        let step = state.withLock { $0.failed(&call, failure, at: now) }
        if failure.lateness == .attemptTooLate { report(.attemptTimedOut(attempt: call.attempts)) }
        if let transition = step.transition { report(.breakerChanged(transition)) }
        if case .wait(let wait) = step.next {
            report(.retrying(attempt: call.attempts + 1, after: wait, because: failure.error))
            return wait
        }
        if call.isInside { call.bulkhead?.release() }
        limited(step.limit)
        guard case .reject(let rejection) = step.next else {
            let ending: PolicyEvent.Ending = failure.isCancelled ? .cancelled : .failed
            report(.ended(ending, attempts: call.attempts, took: now - call.started))
            throw failure.error
        }
        report(.rejected(by: rejection.part, rejection.error))
        report(.ended(.failed, attempts: call.attempts, took: now - call.started))
        throw rejection.error
    }

    /// The call is over without a value, between two attempts: gives back what it holds.
    func ended(
        _ call: PolicyCall, _ ending: PolicyEvent.Ending, at now: MonotonicTime, _ error: any Error
    ) -> any Error {
        let limit = state.withLock { $0.end(call, ending, late: false, at: now) }
        if call.isInside { call.bulkhead?.release() }
        limited(limit)
        report(.ended(ending, attempts: call.attempts, took: now - call.started))
        return error
    }

    private func admitted(_ refusal: PolicyRejection?, waited: Duration) {
        report(.admitted(waited: waited))
        if let refusal { report(.rejected(by: refusal.part, refusal.error)) }
    }

    private func limited(_ limit: Int?) {
        if let limit { report(.limitChanged(to: limit)) }
    }
}
