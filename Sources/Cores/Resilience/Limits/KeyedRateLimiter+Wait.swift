public import ApusPrimitives

extension Locked {
    /// Takes `permits` of the key's and waits for its turn; one that is cancelled in its wait gives them back.
    ///
    /// - Throws: a `ResilienceError` with the code `.rateLimited` at once, when the wait would be longer than the limit
    ///   allows or would not end before `Deadline.current`; `CancellationError`.
    @inlinable
    public func wait<Key>(
        _ permits: Int = 1, for key: Key, on time: TimeSource = .continuous
    ) async throws where State == KeyedRateLimiter<Key> {
        let now = time.now()
        let deadline = Deadline.current
        let wait = try withLock { limiter throws(ResilienceError) in
            try limiter.acquire(permits, for: key, at: now, until: deadline)
        }
        guard wait > .zero else { return }
        let due = now + wait
        do {
            try await time.sleep(until: due)
        } catch {
            withLock { $0.giveBack(permits, for: key, due: due, at: time.now()) }
            throw error
        }
    }

    /// Calls `body` when it is the key's turn.
    ///
    /// - Throws: as `wait`, then `body` was not called; or what `body` throws.
    @inlinable
    public func run<Key, Value>(
        _ permits: Int = 1, for key: Key, on time: TimeSource = .continuous, _ body: () async throws -> Value
    ) async throws -> Value where State == KeyedRateLimiter<Key> {
        try await wait(permits, for: key, on: time)
        return try await body()
    }
}
