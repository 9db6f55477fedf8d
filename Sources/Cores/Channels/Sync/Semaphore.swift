import ApusPrimitives

/// Permits that tasks take and give back, several at a time if they want: Go's `semaphore.Weighted`.
///
/// First in, first out: a request that must wait is overtaken by none that came later, however small.
///
/// ```swift
/// let connections = Semaphore(permits: 8)
/// let page = try await connections.withPermit { try await fetch(url) }
/// ```
public final class Semaphore: Sendable {
    private let state: Locked<SemaphoreState<Parked<Void>>>

    /// How many permits there are in all.
    public let permits: Int

    /// - Parameter permits: 1 or more.
    public init(permits: Int) {
        precondition(permits > 0, "a semaphore needs a permit")
        self.permits = permits
        state = Locked(SemaphoreState(permits: permits))
    }

    /// Permits that nobody has now.
    public var available: Int { state.withLock { $0.available } }

    /// How many tasks wait now.
    public var waiting: Int { state.withLock { $0.waiting } }

    /// Takes `weight` permits (0 or more), and waits until they are free. Either it returns and holds them, or it throws
    /// and holds nothing. Permits that are free are granted to a cancelled task too.
    ///
    /// - Throws: `CancellationError` when the task is cancelled while it waits; `SemaphoreTooSmall`.
    public func acquire(_ weight: Int = 1) async throws {
        precondition(weight >= 0, "a semaphore has no \(weight) permits")
        guard weight <= permits else { throw SemaphoreTooSmall(asked: weight, permits: permits) }
        if tryAcquire(weight) { return }
        try await state.park { state, parked in
            state.acquire(weight, parked).map { .waiting($0) } ?? .granted()
        } leave: { state, ticket in
            let (leaver, granted) = state.cancel(ticket)
            return Departure(leaver, granted: granted)
        }
    }

    /// Takes `weight` permits (0 or more) if they are free and nobody waits.
    public func tryAcquire(_ weight: Int = 1) -> Bool {
        precondition(weight >= 0, "a semaphore has no \(weight) permits")
        return state.withLock { $0.tryAcquire(weight) }
    }

    /// Gives permits back.
    ///
    /// Precondition: they were taken.
    public func release(_ weight: Int = 1) {
        precondition(weight >= 0, "a semaphore has no \(weight) permits")
        guard let granted = state.withLock({ $0.release(weight) }) else {
            preconditionFailure("more permits were given back to a semaphore than were taken")
        }
        for parked in granted { parked.resume() }
    }

    /// Runs `body` with one permit.
    ///
    /// - Throws: as `acquire`, then `body` was not run; or what `body` throws.
    public func withPermit<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await withPermits(1, body)
    }

    /// Runs `body` with `weight` permits.
    ///
    /// - Throws: as `acquire`, then `body` was not run; or what `body` throws.
    public func withPermits<Value>(_ weight: Int, _ body: () async throws -> Value) async throws -> Value {
        try await acquire(weight)
        defer { release(weight) }
        return try await body()
    }
}

/// More permits were asked for than there are in all, so that nobody could ever grant them: ask for less at a time.
public struct SemaphoreTooSmall: Error, Hashable, Sendable, CustomStringConvertible {
    public let asked: Int
    public let permits: Int

    public var description: String {
        "\(asked) permits were asked of a semaphore that has \(permits); they can never be granted: ask for fewer"
    }
}
