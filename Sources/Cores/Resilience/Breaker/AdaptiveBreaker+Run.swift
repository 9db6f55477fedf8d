public import ApusPrimitives

extension Locked where State == AdaptiveBreaker {
    /// Calls `body` if the breaker permits, and tells the breaker how it ended, as `Locked<CircuitBreaker>.run` does.
    ///
    /// - Parameter outcome: what an error says about the callee, as there.
    /// - Throws: a `ResilienceError` with the code `.throttled` when refused, or what `body` throws.
    public func run<Value>(
        on time: TimeSource = .continuous, outcome: (any Error) -> AdaptiveBreaker.Outcome = { _ in .failure },
        _ body: () async throws -> Value
    ) async throws -> Value {
        let permit = try withLock { breaker throws(ResilienceError) in
            var random = SystemRandomNumberGenerator()
            return try breaker.acquire(at: time.now(), using: &random)
        }
        do {
            let value = try await body()
            withLock { $0.record(permit, .success, at: time.now()) }
            return value
        } catch {
            let now = time.now()
            let verdict = AdaptiveBreaker.Outcome(of: error, at: now, outcome)
            withLock { $0.record(permit, verdict, at: now) }
            throw error
        }
    }
}
