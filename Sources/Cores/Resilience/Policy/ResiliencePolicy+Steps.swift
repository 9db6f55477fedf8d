import ApusPrimitives

/// The steps of `run`: each takes the lock once, and reports outside it.
extension ResiliencePolicy {
    @usableFromInline
    func newCall() -> PolicyCall { PolicyCall(at: time.now()) }

    /// A call comes in, and its first attempt begins.
    ///
    /// - Returns: nil when it has to wait; then it has to `enter`.
    /// - Throws: why it may not come in, or must end at once.
    @usableFromInline
    func arrive(_ call: inout PolicyCall) throws -> PolicyCall.Start? {
        let now = call.started
        let outer = Deadline.current
        var refusal: PolicyRejection?
        do throws(PolicyRejection) {
            refusal = try state.withLock { state throws(PolicyRejection) in
                try state.arrive(&call, outer, at: now)
                return call.isInside ? state.admit(&call, at: now) : nil
            }
        } catch {
            report(.rejected(by: error.part, error.error))
            throw error.error
        }
        return call.isInside ? try admitted(&call, refusal, at: now) : nil
    }

    /// Waits for the call's turn and for a place in the bulkhead; then its first attempt begins.
    ///
    /// - Throws: why it may not come in, or must end at once; `CancellationError`.
    @usableFromInline
    func enter(_ call: inout PolicyCall) async throws -> PolicyCall.Start {
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
        call.isInside = true
        let now = time.now()
        let refusal = state.withLock { $0.admit(&call, at: now) }
        return try admitted(&call, refusal, at: now)
    }

    /// The attempt did not answer in time: the next begins, after its wait.
    ///
    /// - Parameter cause: what `body` threw; nil when it returned too late.
    /// - Throws: what the caller gets, when there is none.
    @usableFromInline
    func again(
        _ call: inout PolicyCall, _ cause: (any Error)?, _ safety: RetrySafety,
        _ classify: ((any Error) -> RetryDecision)?, _ outcome: (any Error) -> CircuitBreaker.Outcome
    ) async throws -> PolicyCall.Start {
        var now = time.now()
        let lateness = call.lateness(call.cutOff, at: now)
        let failure = failure(of: call, cause, lateness, safety, classify, outcome, at: now)
        let wait = try failed(&call, failure, at: now)
        if wait > .zero {
            do { try await time.sleep(for: wait) } catch { throw ended(&call, .cancelled, at: time.now(), error) }
            now = time.now()
        }
        if let refusal = state.withLock({ $0.beginAttempt(&call, at: now) }) {
            report(.rejected(by: refusal.part, refusal.error))
            throw ended(&call, .failed, at: now, refusal.error)
        }
        reportProbing(call.leave)
        return call.begin(at: now)
    }

    /// The body returned.
    ///
    /// - Returns: whether that was in time, and the call has ended with it.
    @usableFromInline
    func answered(_ call: inout PolicyCall) -> Bool {
        let now = time.now()
        guard call.lateness(call.cutOff, at: now) == .inTime else { return false }
        let (transition, limit) = state.withLock { state in
            (
                state.record(call.leave, .success, at: now),
                state.end(.succeeded, attempts: call.attempts, place: call.place, at: now)
            )
        }
        call.leaveBulkhead()
        guard onEvent != nil else { return true }
        if let transition { report(.breakerChanged(transition)) }
        limited(limit)
        report(.ended(.succeeded, attempts: call.attempts, took: now - call.started))
        return true
    }

    /// What the failure of an attempt means.
    ///
    /// - Parameter cause: what `body` threw; nil when it returned too late.
    func failure(
        of call: PolicyCall, _ cause: (any Error)?, _ lateness: PolicyCall.Lateness, _ safety: RetrySafety,
        _ classify: ((any Error) -> RetryDecision)?, _ outcome: (any Error) -> CircuitBreaker.Outcome,
        at now: MonotonicTime
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
        let isHurried = call.isHurried(lateness, since: call.begun)
        return PolicyState.Failure(
            error: error, lateness: lateness,
            outcome: isHurried ? .ignored : Self.verdict(on: error, lateness, outcome), decision: decision,
            isCancelled: isCancelled,
            isDropped: !isHurried && (lateness != .inTime || ConcurrencyLimit.Outcome.of(error) == .dropped))
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
        call.leaveBulkhead()
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
        _ call: inout PolicyCall, _ ending: PolicyEvent.Ending, at now: MonotonicTime, _ error: any Error
    ) -> any Error {
        let limit = state.withLock { $0.end(ending, attempts: call.attempts, place: call.place, at: now) }
        call.leaveBulkhead()
        limited(limit)
        report(.ended(ending, attempts: call.attempts, took: now - call.started))
        return error
    }

    private func admitted(
        _ call: inout PolicyCall, _ refusal: PolicyRejection?, at now: MonotonicTime
    ) throws -> PolicyCall.Start {
        report(.admitted(waited: now - call.started))
        if let refusal {
            report(.rejected(by: refusal.part, refusal.error))
            throw ended(&call, .failed, at: now, refusal.error)
        }
        reportProbing(call.leave)
        return call.begin(at: now)
    }

    /// The first probe's leave is when an open breaker turned half-open.
    func reportProbing(_ leave: PolicyCall.BreakerLeave) {
        guard onEvent != nil, let permit = leave.breaker?.permit, permit.isFirstProbe else { return }
        report(.breakerChanged(CircuitBreaker.Transition(from: .open(until: permit.started), to: .halfOpen)))
    }

    func limited(_ limit: Int?) {
        if let limit { report(.limitChanged(to: limit)) }
    }
}
