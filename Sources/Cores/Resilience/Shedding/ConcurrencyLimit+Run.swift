public import ApusPrimitives

extension Locked where State == ConcurrencyLimit {
    /// Calls `body` if there is room for it, and tells the limit how it ended.
    ///
    /// A cancellation says nothing, unless the deadline caused it: then the request was dropped.
    ///
    /// - Parameter outcome: what an error says about the queue. By default a passed deadline and an overload further on
    ///   are `.dropped`, everything else `.ignored`, because a call that fails at once looks like a fast callee.
    /// - Throws: a `ResilienceError` with the code `.overloaded` when there is no room, or what `body` throws.
    public func run<Value>(
        _ priority: RequestPriority = .current, on time: TimeSource = .continuous,
        outcome: (any Error) -> ConcurrencyLimit.Outcome = ConcurrencyLimit.Outcome.of,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let permit = try withLock { limit throws(ResilienceError) in try limit.acquire(priority, at: time.now()) }
        do {
            let value = try await body()
            withLock { _ = $0.release(permit, .completed, at: time.now()) }
            return value
        } catch {
            let now = time.now()
            let isLate = error is CancellationError && Deadline.current?.hasPassed(at: now) == true
            let outcome = isLate ? .dropped : outcome(error)
            withLock { _ = $0.release(permit, outcome, at: now) }
            throw error
        }
    }
}

extension ConcurrencyLimit.Outcome {
    /// A passed deadline, an attempt that had no answer in time and an overload further on drop the request; any other error
    /// is ignored.
    public static func of(_ error: any Error) -> Self {
        switch (error as? ResilienceError)?.code {
        case .deadlineExceeded, .attemptTimedOut, .overloaded: .dropped
        default: .ignored
        }
    }
}
