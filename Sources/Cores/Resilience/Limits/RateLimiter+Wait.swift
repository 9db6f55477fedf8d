public import ApusPrimitives

extension Locked where State == RateLimiter {
    /// Takes `permits` and waits for its turn; one that is cancelled in its wait gives them back.
    ///
    /// - Throws: a `ResilienceError` with the code `.rateLimited` at once, when the wait would be longer than the limiter
    ///   allows or would not end before `Deadline.current`; `CancellationError`.
    public func wait(_ permits: Int = 1, on time: TimeSource = .continuous) async throws {
        let now = time.now()
        let deadline = Deadline.current
        let wait = try withLock { limiter throws(ResilienceError) in
            try limiter.acquire(permits, at: now, until: deadline)
        }
        guard wait > .zero else { return }
        let due = now + wait
        do {
            try await time.sleep(until: due)
        } catch {
            withLock { $0.giveBack(permits, due: due, at: time.now()) }
            throw error
        }
    }

    /// Calls `body` when it is its turn.
    ///
    /// - Throws: as `wait`, then `body` was not called; or what `body` throws.
    public func run<Value>(
        _ permits: Int = 1, on time: TimeSource = .continuous, _ body: () async throws -> Value
    ) async throws -> Value {
        try await wait(permits, on: time)
        return try await body()
    }
}
