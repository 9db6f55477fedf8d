public import ApusPrimitives

extension Locked where State == CircuitBreaker {
    /// Calls `body` if the breaker permits, and tells the breaker how it ended.
    ///
    /// A cancellation says nothing about the callee and is not counted, unless `Deadline.current` has passed: then it is
    /// a failure, or a callee that hangs would never open the breaker.
    ///
    /// - Parameter outcome: what an error says about the callee: `.failure` when it speaks against it (a refused connection,
    ///   a 500), `.success` when the callee answered that the request is wrong (a 4xx), `.ignored` when it tells nothing,
    ///   because the call did not come to the callee's work.
    /// - Throws: a `ResilienceError` with the code `.circuitOpen` when refused, or what `body` throws.
    public func run<Value>(
        on time: TimeSource = .continuous, outcome: (any Error) -> CircuitBreaker.Outcome = { _ in .failure },
        _ body: () async throws -> Value
    ) async throws -> Value {
        let permit = try withLock { breaker throws(ResilienceError) in try breaker.acquire(at: time.now()) }
        do {
            let value = try await body()
            withLock { _ = $0.record(permit, .success, at: time.now()) }
            return value
        } catch {
            let now = time.now()
            let verdict = CircuitBreaker.Outcome(of: error, at: now, outcome)
            withLock { _ = $0.record(permit, verdict, at: now) }
            throw error
        }
    }
}

extension CircuitBreaker.Outcome {
    /// What an error says about the callee: nothing when the caller was cancelled before its deadline, else what `outcome`
    /// makes of it.
    public init(of error: any Error, at now: MonotonicTime, _ outcome: (any Error) -> Self) {
        if error is CancellationError {
            self = Deadline.current?.hasPassed(at: now) == true ? .failure : .ignored
        } else {
            self = outcome(error)
        }
    }
}
