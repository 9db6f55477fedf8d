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
    @inlinable
    public func run<Value: Sendable>(
        on time: TimeSource = .continuous, _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        let start = time.now()
        let current = Self.current
        let deadline = current.map { min($0, self) } ?? self
        if deadline.hasPassed(at: start) { throw deadline.error(at: start) }
        let value: Value
        do {
            if let current, current <= self, current.isKeptHere {
                // This task is cancelled at the earlier one as it is; another task would add nothing.
                value = try await body()
            } else {
                value = try await withoutActuallyEscaping(body) { body in
                    try await deadline.keep(on: time) { kept in
                        Task.immediate {
                            kept.begin()
                            return try await Self.$current.withValue(kept) { try await body() }
                        }
                    }
                }
            }
        } catch {
            let end = time.now()
            throw deadline.hasPassed(at: end) ? deadline.error(at: end, cause: error) : error
        }
        let end = time.now()
        if deadline.hasPassed(at: end) { throw deadline.error(at: end) }
        return value
    }

    /// Whether the current task is cancelled when this deadline passes, as that of `run`'s body is.
    @usableFromInline var isKeptHere: Bool { keeper?.isCurrentTask ?? false }

    /// Runs a body that is cancelled when this deadline passes.
    ///
    /// - Parameter start: begins a task in which it says `begin` to the deadline that it is given, and then calls the body
    ///   with that as the current one. It is a task of its own because the deadline ends the body and not its caller. Begun
    ///   at once, on this thread, one whose body never waits costs neither a hop nor an alarm. The value is set inside,
    ///   because one that a task inherits is copied.
    @inlinable
    func keep<Value: Sendable>(
        on time: TimeSource, _ start: (Deadline) -> Task<Value, any Error>
    ) async throws -> Value {
        let made = DeadlineKeeper()
        let work = start(Deadline(expires: expires, keeper: made))
        var keeper = consume made
        // Before `work` is let go, because until then no other task has its address.
        defer { withExtendedLifetime(work) { keeper.end() } }
        // The body's task holds its deadline until the body has ended.
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
