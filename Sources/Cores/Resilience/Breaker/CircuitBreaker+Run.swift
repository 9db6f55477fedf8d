public import ApusPrimitives

extension Locked where State == CircuitBreaker {
    /// Calls `body` if the breaker permits, and tells the breaker how it ended.
    ///
    /// A cancellation says nothing about the callee and is not counted, unless `Deadline.current` has passed: then it is
    /// a failure, or a callee that hangs would never open the breaker. An error that is not a failure counts as success:
    /// the callee answered.
    ///
    /// - Parameter isFailure: whether an error speaks against the callee (a refused connection, a 5xx) and not against the
    ///   request (a 4xx).
    /// - Throws: a `ResilienceError` with the code `.circuitOpen` when refused, or what `body` throws.
    public func run<Value>(
        on time: TimeSource = .continuous, isFailure: (any Error) -> Bool = { _ in true },
        _ body: () async throws -> Value
    ) async throws -> Value {
        let permit = try withLock { breaker throws(ResilienceError) in try breaker.acquire(at: time.now()) }
        do {
            let value = try await body()
            withLock { _ = $0.record(permit, .success, at: time.now()) }
            return value
        } catch {
            let now = time.now()
            let outcome = CircuitBreaker.Outcome(of: error, at: now, isFailure: isFailure)
            withLock { _ = $0.record(permit, outcome, at: now) }
            throw error
        }
    }
}

extension CircuitBreaker.Outcome {
    /// What an error says about the callee: nothing when the caller was cancelled before its deadline, and nothing bad when
    /// it is not a failure.
    public init(of error: any Error, at now: MonotonicTime, isFailure: (any Error) -> Bool) {
        if error is CancellationError {
            self = Deadline.current?.hasPassed(at: now) == true ? .failure : .ignored
        } else {
            self = isFailure(error) ? .failure : .success
        }
    }
}
