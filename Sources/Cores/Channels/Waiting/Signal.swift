import ApusPrimitives

/// An outcome that comes once, and that any number of tasks may wait for: an address that is bound, a first list.
///
/// In Go one closes a channel for that; this carries a value or an error too.
public final class Signal<Value: Sendable>: Sendable {
    private struct State {
        var outcome: Result<Value, any Error>?
        var line = WaitLine<Parked<Value>>()
    }

    private let state = Locked(State())

    public init() {}

    /// The first outcome counts.
    public func send(_ value: Value) {
        settle(.success(value))
    }

    /// The value will never come. The first outcome counts.
    public func fail(_ error: any Error) {
        settle(.failure(error))
    }

    /// Waits for the outcome.
    ///
    /// - Throws: what it failed with, or `CancellationError`.
    public var value: Value {
        get async throws {
            if let outcome = state.withLock({ $0.outcome }) { return try outcome.get() }
            return try await state.park { state, parked in
                state.outcome.map { .answered($0) } ?? .waiting(state.line.join(parked))
            } leave: { state, ticket in
                Departure(state.line.leave(ticket))
            }
        }
    }

    /// - Returns: whether it is the first outcome; only that counts.
    @discardableResult
    public func settle(_ outcome: Result<Value, any Error>) -> Bool {
        let waiting: [Parked<Value>]? = state.withLock { state in
            guard state.outcome == nil else { return nil }
            state.outcome = outcome
            return state.line.popAll()
        }
        for parked in waiting ?? [] { parked.resume(with: outcome) }
        return waiting != nil
    }
}

extension Signal<Void> {
    public func send() {
        send(())
    }
}
