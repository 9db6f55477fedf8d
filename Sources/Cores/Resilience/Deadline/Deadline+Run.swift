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
            return try await current.verdict(on: time) { try await body() }
        }
        return try await withoutActuallyEscaping(body) { body in
            try await deadline.verdict(on: time) { try await deadline.keep(on: time, (), { _ in try await body() }) }
        }
    }

    private func verdict<Value>(on time: TimeSource, _ body: () async throws -> Value) async throws -> Value {
        do {
            let value = try await body()
            let end = time.now()
            if !hasPassed(at: end) { return value }
        } catch {
            let end = time.now()
            throw hasPassed(at: end) ? self.error(at: end, cause: error) : error
        }
        throw error(at: time.now())
    }

    /// Whether the current task is cancelled when this deadline passes, as that of `run`'s body is.
    var isKeptHere: Bool { keeper?.isCurrentTask ?? false }

    /// Runs `body` with this deadline as its current one, and cancels it when that passes.
    ///
    /// - Parameter input: for `body`; apart from it, so that it needs no closure of its own.
    @inlinable
    func keep<Input: Sendable, Value: Sendable>(
        on time: TimeSource, _ input: Input, _ body: @escaping @Sendable (Input) async throws -> Value
    ) async throws -> Value {
        // A task of its own, because the deadline ends the body and not its caller. It begins on this thread: a body that
        // never waits costs neither a hop nor an alarm, and its value is here when `immediate` returns.
        let keeper = DeadlineAnswer<Value>()
        // The task inherits its deadline: to set it inside would cost some changes of executor.
        let work = Self.$current.withValue(Deadline(expires: expires, keeper: keeper)) {
            Task.immediate {
                keeper.begin()
                defer { keeper.end() }
                keeper.value = try await body(input)
            }
        }
        if let value = keeper.answer { return value }
        try await wait(for: work, keeper, on: time)
        guard let value = keeper.answer else { throw CancellationError() }
        return value
    }

    @usableFromInline
    func wait(for work: Task<Void, any Error>, _ keeper: DeadlineKeeper, on time: TimeSource) async throws {
        if keeper.isOver { return try await work.value }
        let cancelAlarm = time.alarm(at: expires) { work.cancel() }
        defer { cancelAlarm() }
        try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            work.cancel()
        }
    }
}
