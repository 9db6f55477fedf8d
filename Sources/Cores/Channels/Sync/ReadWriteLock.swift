import ApusPrimitives

/// Many readers or one writer, for work that suspends: Go's `sync.RWMutex`.
///
/// First in, first out. Readers that wait side by side go in together; a reader that comes after a waiting writer goes in
/// after it, so that writers are not starved, and a writer that comes after waiting readers after them. For state that is
/// touched without suspending, a plain lock is much faster.
///
/// Not recursive: a reader that asks again while a writer waits, waits for ever.
public final class ReadWriteLock: Sendable {
    private let state = Locked(ReadWriteState<Parked<Void>>())

    public init() {}

    /// How many tasks wait now.
    public var waiting: Int { state.withLock { $0.waiting } }

    /// Runs `body` beside other readers.
    ///
    /// - Throws: `CancellationError` when the task is cancelled while it waits, then `body` was not run; or what `body`
    ///   throws.
    public func withReadLock<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await with(.read, body)
    }

    /// Runs `body` alone.
    ///
    /// - Throws: `CancellationError` when the task is cancelled while it waits, then `body` was not run; or what `body`
    ///   throws.
    public func withWriteLock<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await with(.write, body)
    }

    private func with<Value>(
        _ access: ReadWriteState<Parked<Void>>.Access, _ body: () async throws -> Value
    ) async throws -> Value {
        try await lock(access)
        defer {
            for parked in state.withLock({ $0.unlock(access) }) { parked.resume() }
        }
        return try await body()
    }

    private func lock(_ access: ReadWriteState<Parked<Void>>.Access) async throws {
        if state.withLock({ $0.tryLock(access) }) { return }
        try await state.park { state, parked in
            state.lock(access, parked).map { .waiting($0) } ?? .granted()
        } leave: { state, ticket in
            let (leaver, granted) = state.cancel(ticket)
            return Departure(leaver, granted: granted)
        }
    }
}
