import ApusPrimitives

/// Calls with the same key that are made at the same time become one: Go's `singleflight.Group`.
///
/// ```swift
/// let products = SingleFlight<ProductID, Product>()
/// let product = try await products.run(id) { try await database.product(id) }
/// ```
///
/// The work runs on a task of its own, with the priority and the task-local values of its first caller, so a deadline among
/// them is the call's. A caller that is cancelled stops waiting, and the others get their result; when the last one is
/// cancelled, so is the work. An error is shared like a value, and nothing is remembered when the work has ended.
public final class SingleFlight<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// What several callers got from one call.
    public struct Shared: Sendable {
        public let value: Value
        /// How many got it, this one included.
        public let callers: Int
    }

    private typealias State = SingleFlightState<Key, Parked<Shared>, Task<Void, Never>>

    private let state = Locked(State())

    public init() {}

    /// How many calls are under way.
    public var count: Int { state.withLock { $0.count } }

    /// How many callers wait for them.
    public var waiting: Int { state.withLock { $0.waiting } }

    /// Runs `work`, or waits for the call with this key that is under way.
    ///
    /// - Throws: what the work threw, or `CancellationError`.
    public func run(_ key: Key, _ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await share(key, work).value
    }

    /// As `run`, and says how many shared the result.
    public func share(_ key: Key, _ work: @escaping @Sendable () async throws -> Value) async throws -> Shared {
        try await state.park { state, parked in
            switch state.join(key, parked) {
            case .joined(let ticket): .waiting(ticket)
            case .first(let ticket, let flight): .waiting(ticket) { self.start(flight, work) }
            }
        } leave: { state, ticket in
            let (leaver, abandoned) = state.cancel(ticket)
            return Departure(leaver) { abandoned?.cancel() }
        }
    }

    /// Callers from now on do not join the call with this key that is under way: what it finds may be out of date.
    public func forget(_ key: Key) {
        state.withLock { $0.forget(key) }
    }

    private func start(_ flight: State.FlightID, _ work: @escaping @Sendable () async throws -> Value) {
        let call = Task {
            let result: Result<Value, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            let callers = state.withLock { $0.landed(flight) }
            for parked in callers {
                parked.resume(with: result.map { Shared(value: $0, callers: callers.count) })
            }
        }
        if !state.withLock({ $0.started(flight, call) }) { call.cancel() }
    }
}
