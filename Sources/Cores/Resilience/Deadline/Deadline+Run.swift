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
            try await deadline.verdict(on: time) {
                try await deadline.keep(on: time) { keeper in
                    Task.immediate {
                        keeper.begin()
                        return try await body()
                    }
                }
            }
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

    /// Runs a body with this deadline as its current one, and cancels it when that passes.
    ///
    /// - Parameter start: begins a task with the body, in which the keeper has to `begin` first. It is a task of its own
    ///   because the deadline ends the body and not its caller. Begun at once, on this thread, one whose body never waits
    ///   costs neither a hop nor an alarm.
    @inlinable
    func keep<Value: Sendable>(
        on time: TimeSource, _ start: (DeadlineKeeper) -> Task<Value, any Error>
    ) async throws -> Value {
        let made = DeadlineKeeper()
        // The task inherits its deadline: to set it inside would cost some changes of executor.
        let work = Self.$current.withValue(Deadline(expires: expires, keeper: made)) { start(made) }
        var keeper = consume made
        // Before `work` is let go, because until then no other task has its address.
        defer { withExtendedLifetime(work) { keeper.end() } }
        // A task holds its task-local values until it has ended.
        if isKnownUniquelyReferenced(&keeper) { return try await work.value }
        return try await wait(for: work, on: time)
    }

    @usableFromInline
    func wait<Value: Sendable>(for work: Task<Value, any Error>, on time: TimeSource) async throws -> Value {
        let cancelAlarm = time.alarm(at: expires) { work.cancel() }
        defer { cancelAlarm() }
        return try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            work.cancel()
        }
    }
}
