import ApusPrimitives

extension ResiliencePolicy {
    /// Calls `body` as the parts of the policy allow.
    ///
    /// The order, outermost first: deadline, retry, breaker, attempt timeout. `Deadline.current` in `body` is the earliest
    /// of the caller's deadline, the policy's and the attempt's. `body` begins on the caller's thread, at once.
    ///
    /// A refusal of the breaker is not retried: while it is open the call fails at once.
    ///
    /// - Parameters:
    ///   - classify: whether trying again after an error is safe and makes sense.
    ///   - isFailure: whether an error speaks against the callee (a refused connection, a 5xx) and not against the
    ///     request (a 4xx).
    /// - Throws: a `ResilienceError` that says which part refused the call or gave it up, on what numbers and when to try
    ///   again; what `body` throws, where there is no further attempt; `CancellationError`.
    public func run<Value: Sendable>(
        classify: (any Error) -> RetryDecision = RetryDecision.standard, isFailure: (any Error) -> Bool = { _ in true },
        _ body: @Sendable (Attempt) async throws -> Value
    ) async throws -> Value {
        var now = time.now()
        var (call, refusal) = try admit(at: now)
        while true {
            if let refusal { throw ended(call, .failed, at: now, refusal.error) }
            let cutOff = call.cutOff(at: now)
            let attempt = Attempt(number: call.attempts)
            let outcome: Result<Value, any Error>
            if cutOff.isOurs, let deadline = cutOff.deadline {
                outcome = await withoutActuallyEscaping(body) { body in
                    await deadline.outcome(of: { try await body(attempt) }, on: time)
                }
            } else {
                do { outcome = .success(try await body(attempt)) } catch { outcome = .failure(error) }
            }
            now = time.now()
            let wait: Duration
            switch (outcome, call.lateness(cutOff, at: now)) {
            case (.success(let value), .inTime):
                succeeded(&call, at: now)
                return value
            case (.success, let lateness):
                wait = try failed(&call, nil, lateness, classify: classify, isFailure: isFailure, at: now)
            case (.failure(let error), let lateness):
                wait = try failed(&call, error, lateness, classify: classify, isFailure: isFailure, at: now)
            }
            do { try await time.sleep(for: wait) } catch {
                throw ended(call, .cancelled, at: time.now(), error)
            }
            now = time.now()
            refusal = again(&call, at: now)
        }
    }
}
