import ApusPrimitives

extension Deadline {
    /// Runs `body` with the earlier of `Deadline.current` and this deadline as its `Deadline.current`.
    ///
    /// When the deadline passes, `body` and every task below it is cancelled. `run` is structured: it returns when
    /// `body` has ended, so a body that ignores cancellation holds it up, and gets the error all the same. The clock
    /// decides, not the race: whatever `body` returns or throws after the deadline is replaced by the error, whose
    /// `cause` is what `body` threw. Before the deadline, its value and its errors pass unchanged. When the deadline has
    /// passed already, `body` does not start. `body` begins on the caller's thread, at once.
    ///
    /// - Throws: `ResilienceError` with the code `.deadlineExceeded`, or what `body` throws.
    public func run<Value: Sendable>(
        on time: TimeSource = .continuous, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let start = time.now()
        let current = Self.current
        let deadline = current.map { min($0, self) } ?? self
        if deadline.hasPassed(at: start) { throw deadline.error(at: start) }
        if let current, current <= self, current.isKeptHere {
            // This task is cancelled at the earlier one as it is; another task would add nothing.
            let outcome: Result<Value, any Error>
            do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            return try current.verdict(on: outcome, at: time.now())
        }
        let outcome = await withoutActuallyEscaping(body) { body in
            await deadline.outcome(of: body, on: time)
        }
        return try deadline.verdict(on: outcome, at: time.now())
    }

    private func verdict<Value>(on outcome: Result<Value, any Error>, at end: MonotonicTime) throws -> Value {
        guard hasPassed(at: end) else { return try outcome.get() }
        switch outcome {
        case .success: throw error(at: end)
        case .failure(let cause): throw error(at: end, cause: cause)
        }
    }

    /// Whether the current task is cancelled when this deadline passes, as that of `run`'s body is.
    var isKeptHere: Bool { keeper?.isCurrentTask ?? false }

    /// How `body` ended, with this deadline as its current one and cancelled when it passes.
    func outcome<Value: Sendable>(
        of body: @escaping @Sendable () async throws -> Value, on time: TimeSource
    ) async -> Result<Value, any Error> {
        // A task of its own, because the deadline ends the body and not its caller. It begins on this thread: a body that
        // never waits costs neither a hop nor an alarm.
        let isCancelled = Task.isCancelled
        let keeper = DeadlineKeeper()
        var kept = self
        kept.keeper = keeper
        let work = Task.immediate { [kept] in
            if isCancelled { withUnsafeCurrentTask { $0?.cancel() } }
            keeper.begin()
            defer { keeper.end() }
            return try await Self.$current.withValue(kept) { try await body() }
        }
        if keeper.isOver { return await work.result }
        let cancelAlarm = time.alarm(at: expires) { work.cancel() }
        defer { cancelAlarm() }
        return await withTaskCancellationHandler {
            await work.result
        } onCancel: {
            work.cancel()
        }
    }
}
