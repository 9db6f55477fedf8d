import ApusPrimitives

extension Deadline {
    /// Runs `body` with the earlier of `Deadline.current` and this deadline as its `Deadline.current`.
    ///
    /// When the deadline passes, `body` and every task below it is cancelled. `run` is structured: it returns when
    /// `body` has ended, so a body that ignores cancellation holds it up, and gets the error all the same. The clock
    /// decides, not the race: whatever `body` returns or throws after the deadline is replaced by the error, whose
    /// `cause` is what `body` threw. Before the deadline, its value and its errors pass unchanged. When the deadline has
    /// passed already, `body` does not start.
    ///
    /// - Throws: `ResilienceError` with the code `.deadlineExceeded`, or what `body` throws.
    public func run<Value: Sendable>(
        on time: TimeSource = .continuous, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let deadline = Self.current.map { min($0, self) } ?? self
        let start = time.now()
        if deadline.hasPassed(at: start) { throw deadline.error(at: start) }

        let outcome = await withoutActuallyEscaping(body) { body in
            await deadline.outcome(of: body, on: time)
        }
        let end = time.now()
        guard deadline.hasPassed(at: end) else { return try outcome.get() }
        switch outcome {
        case .success: throw deadline.error(at: end)
        case .failure(let error): throw deadline.error(at: end, cause: error)
        }
    }

    private func outcome<Value: Sendable>(
        of body: @escaping @Sendable () async throws -> Value, on time: TimeSource
    ) async -> Result<Value, any Error> {
        // A task of its own, because the deadline ends the body and not its caller.
        let isCancelled = Task.isCancelled
        let work = Task {
            if isCancelled { withUnsafeCurrentTask { $0?.cancel() } }
            return try await Self.$current.withValue(self) { try await body() }
        }
        let cancelAlarm = time.alarm(at: expires) { work.cancel() }
        defer { cancelAlarm() }
        return await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            work.cancel()
        }
    }
}
