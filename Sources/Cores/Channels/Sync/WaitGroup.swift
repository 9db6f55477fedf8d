import ApusPrimitives

/// Waits until a number of things is done: Go's `sync.WaitGroup`.
///
/// ```swift
/// let group = WaitGroup(3)
/// for worker in 0..<3 {
///     Task {
///         defer { group.done() }
///         await work(worker)
///     }
/// }
/// try await group.wait()
/// ```
///
/// Where the tasks can be children of the one that waits, `withWaitGroup` is shorter and cancels them with it.
/// It may be used again after it came to zero, also while those who waited have not run yet.
public final class WaitGroup: Sendable {
    private let state: Locked<WaitGroupState<Parked<Void>>>

    /// - Parameter count: how many things are to be done; not negative.
    public init(_ count: Int = 0) {
        precondition(count >= 0, "a wait group cannot wait for \(count) things")
        var start = WaitGroupState<Parked<Void>>()
        _ = start.add(count)
        state = Locked(start)
    }

    /// How many things are not done yet.
    public var count: Int { state.withLock { $0.count } }

    /// Adds `count` things that are to be done; call it before they can be done.
    ///
    /// Precondition: the count stays zero or more (a negative number takes things away, as in Go).
    public func add(_ count: Int = 1) {
        switch state.withLock({ $0.add(count) }) {
        case .counted(let waiters):
            for waiter in waiters { waiter.resume() }
        case .belowZero:
            preconditionFailure("more was done in a wait group than was added to it")
        }
    }

    /// One thing is done.
    ///
    /// Precondition: it was added.
    public func done() {
        add(-1)
    }

    /// Counts `body` as one thing, however it ends.
    public func track<Value, Failure: Error>(
        _ body: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        add()
        defer { done() }
        return try await body()
    }

    /// Returns when everything is done; at once when nothing is to be done.
    ///
    /// - Throws: `CancellationError`; the things go on.
    public func wait() async throws {
        guard count > 0 else { return }
        try await state.park { state, parked in
            state.wait(parked).map { .waiting($0) } ?? .granted()
        } leave: { state, ticket in
            Departure(state.cancel(ticket))
        }
    }
}
