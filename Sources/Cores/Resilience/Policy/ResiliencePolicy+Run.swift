import ApusPrimitives

extension ResiliencePolicy {
    /// Calls `body` as the parts of the policy allow.
    ///
    /// The order, outermost first: deadline, rate limit, load shedding, bulkhead, retry with its budget, hedge, breaker,
    /// attempt timeout. `Deadline.current` in `body` is the earliest of the caller's deadline, the policy's and the
    /// attempt's. `body` begins on the caller's thread unless the policy hedges.
    ///
    /// A refusal of the policy's own breaker is not retried: while it is open, calls fail at once.
    ///
    /// - Parameters:
    ///   - safety: whether doing the call twice is like doing it once. By default it is not: then only what was certainly
    ///     not begun is tried again, and nothing is hedged.
    ///   - classify: decides about retries in place of `safety`.
    ///   - outcome: what an error says about the callee, for the breakers and the hedge: `.failure` when it speaks against it
    ///     (a refused connection, a 500), `.success` when the callee answered that the request is wrong (a 4xx), `.ignored`
    ///     when it tells nothing, because the call did not come to the callee's work.
    /// - Throws: a `ResilienceError` that says which part refused the call or gave it up, on what numbers and when to try
    ///   again; what `body` throws, where there is no further attempt; `CancellationError`.
    @inlinable
    public func run<Value: Sendable>(
        _ safety: RetrySafety = .never, classify: ((any Error) -> RetryDecision)? = nil,
        outcome: @Sendable (any Error) -> CircuitBreaker.Outcome = { _ in .failure },
        _ body: @Sendable (Attempt) async throws -> Value
    ) async throws -> Value {
        var call = newCall()
        var start: PolicyCall.Start
        if let first = try arrive(&call) { start = first } else { start = try await enter(&call) }
        while true {
            var failure: (any Error)?
            do {
                let value: Value
                if start.isHedged {
                    value = try await hedged(call, safety, outcome, body)
                } else if let deadline = start.cutOff {
                    // A task of its own, to be cancelled apart from its caller.
                    value = try await withoutActuallyEscaping(body) { body in
                        try await deadline.keep(on: time) { [attempt = start.attempt] kept in
                            Task.immediate {
                                kept.begin()
                                return try await Deadline.$current.withValue(kept) { try await body(attempt) }
                            }
                        }
                    }
                } else {
                    value = try await body(start.attempt)
                }
                if answered(&call) { return value }
            } catch {
                failure = error
            }
            start = try await again(&call, failure, safety, classify, outcome)
        }
    }

    /// The same with a fallback: what it answers when the call failed is marked as degraded, and counted.
    ///
    /// - Parameters:
    ///   - answers: whether the fallback may answer for this error; other errors pass unchanged. By default all but a
    ///     cancellation, because then nobody waits.
    ///   - fallback: outside everything else: no deadline of this policy is over it.
    /// - Throws: as `run` for errors that the fallback may not answer; a `ResilienceError` with the code `.fallbackFailed`
    ///   when it throws, whose `cause` is why the call failed; `CancellationError`.
    public func run<Value: Sendable>(
        _ safety: RetrySafety = .never, classify: ((any Error) -> RetryDecision)? = nil,
        outcome: @Sendable (any Error) -> CircuitBreaker.Outcome = { _ in .failure },
        answers: (any Error) -> Bool = Fallback.answers,
        fallback: (any Error) async throws -> Value, _ body: @Sendable (Attempt) async throws -> Value
    ) async throws -> Degradable<Value> {
        let failure: any Error
        do {
            return .full(try await run(safety, classify: classify, outcome: outcome, body))
        } catch {
            failure = error
        }
        guard answers(failure) else { throw failure }
        do {
            let value = try await fallback(failure)
            state.withLock { $0.counts.degraded += 1 }
            report(.degraded(because: failure))
            return .degraded(value, because: failure)
        } catch let second where !(second is CancellationError) {
            let error = Fallback(names.fallback).error(second, after: failure)
            state.withLock { $0.counts.reject(.fallback) }
            report(.rejected(by: .fallback, error))
            throw error
        }
    }
}
