import ApusPrimitives

extension ResiliencePolicy {
    /// One attempt of a policy that hedges: each call of it asks the breakers and has a timeout of its own.
    ///
    /// - Parameter safety: what must not be done twice is not.
    @usableFromInline
    func hedged<Value: Sendable>(
        _ call: PolicyCall, _ safety: RetrySafety, _ outcome: @Sendable (any Error) -> CircuitBreaker.Outcome,
        _ body: @Sendable (Attempt) async throws -> Value
    ) async throws -> Value {
        do {
            guard let hedge = call.hedge, safety != .never else { return try await single(call, 1, outcome, body) }
            // The policy's own verdicts are no answers of the callee, whatever `outcome` makes of them.
            return try await hedge.run(
                on: time, isFailure: { names.areOf($0) || outcome($0) != .success },
                onExtraCall: { number in
                    state.withLock { $0.counts.hedges += 1 }
                    report(.hedged(call: number))
                },
                { try await single(call, $0, outcome, body) })
        } catch let rejection as PolicyRejection {
            throw rejection.error
        }
    }

    /// - Throws: a `PolicyRejection` when it did not begin.
    private func single<Value: Sendable>(
        _ call: PolicyCall, _ number: Int, _ outcome: @Sendable (any Error) -> CircuitBreaker.Outcome,
        _ body: @Sendable (Attempt) async throws -> Value
    ) async throws -> Value {
        let start = time.now()
        let leave: PolicyCall.BreakerLeave
        do throws(PolicyRejection) {
            leave = try state.withLock { state throws(PolicyRejection) in
                try state.askBreakers(after: call.failure, at: start)
            }
        } catch {
            report(.rejected(by: error.part, error.error))
            throw error
        }
        reportProbing(leave)
        let attempt = Attempt(number: call.attempts, hedge: number)
        let cutOff = call.hedgedCutOff(at: start)
        var cause: (any Error)?
        do {
            let value = try await perform(attempt, cutOff, body)
            let now = time.now()
            if call.lateness(cutOff, at: now) == .inTime {
                record(leave, .success, .inTime, of: call, at: now)
                return value
            }
        } catch {
            cause = error
        }
        let now = time.now()
        let lateness = call.lateness(cutOff, at: now)
        let error = names.error(of: call, lateness, cause, at: now)
        let isHurried = call.isHurried(lateness, since: start)
        record(leave, isHurried ? .ignored : Self.verdict(on: error, lateness, outcome), lateness, of: call, at: now)
        throw error
    }

    /// One call, in a task of its own if it must be cancelled apart from its caller.
    private func perform<Value: Sendable>(
        _ attempt: Attempt, _ cutOff: PolicyCall.CutOff, _ body: @Sendable (Attempt) async throws -> Value
    ) async throws -> Value {
        guard let deadline = cutOff.own else { return try await body(attempt) }
        return try await withoutActuallyEscaping(body) { body in
            try await deadline.keep(on: time) { kept in
                Task.immediate {
                    kept.begin()
                    return try await Deadline.$current.withValue(kept) { try await body(attempt) }
                }
            }
        }
    }

    private func record(
        _ leave: PolicyCall.BreakerLeave, _ outcome: CircuitBreaker.Outcome, _ lateness: PolicyCall.Lateness,
        of call: PolicyCall, at now: MonotonicTime
    ) {
        let transition = state.withLock { state in
            if lateness == .attemptTooLate { state.counts.attemptTimeouts += 1 }
            return state.record(leave, outcome, at: now)
        }
        if lateness == .attemptTooLate { report(.attemptTimedOut(attempt: call.attempts)) }
        if let transition { report(.breakerChanged(transition)) }
    }

    /// What an error says about the callee: nothing when the caller went away, or another call of the hedge won.
    static func verdict(
        on error: any Error, _ lateness: PolicyCall.Lateness, _ outcome: (any Error) -> CircuitBreaker.Outcome
    ) -> CircuitBreaker.Outcome {
        if lateness != .inTime { return .failure }
        if error is CancellationError || Task.isCancelled { return .ignored }
        return outcome(error)
    }
}
