import ApusPrimitives

/// A value that is computed once, by the first task that asks for it: Go's `sync.OnceValues`, for work that suspends.
///
/// ```swift
/// let settings = Once { try await load("settings.json") }
/// let port = try await settings.value.port
/// ```
///
/// An error is an outcome like a value: it is kept, and everybody gets it. A computation that ends with an error because
/// its caller was cancelled is none: the next task in line computes from the start, and nobody but the cancelled caller
/// notices. The work runs on the task that asks, so a computation that asks for its own value waits for ever.
public final class Once<Value: Sendable>: Sendable {
    private let state = Locked(OnceState<Value, Parked<OnceTurn<Value>>>())
    private let compute: @Sendable () async throws -> Value

    public init(_ compute: @escaping @Sendable () async throws -> Value) {
        self.compute = compute
    }

    /// The outcome; nil while there is none.
    public var result: Result<Value, any Error>? { state.withLock { $0.result } }

    /// How many tasks wait for whoever computes it.
    public var waiting: Int { state.withLock { $0.waiting } }

    /// Computes the value, or waits for whoever does.
    ///
    /// - Throws: what the computation threw; `CancellationError` when this task is cancelled and there is no outcome yet.
    public var value: Value {
        get async throws {
            switch try await turn() {
            case .settled(let result): return try result.get()
            case .compute: return try await run()
            }
        }
    }

    private func turn() async throws -> OnceTurn<Value> {
        if let turn = state.withLock({ $0.enter() }) { return turn }
        return try await state.park { state, parked in
            state.enter().map { .answered(.success($0)) } ?? .waiting(state.wait(parked))
        } leave: { state, ticket in
            Departure(state.cancel(ticket))
        }
    }

    private func run() async throws -> Value {
        do {
            // Its turn may come to a task that has been cancelled meanwhile.
            try Task.checkCancellation()
            let value = try await compute()
            settle(.success(value))
            return value
        } catch  where Task.isCancelled {
            state.withLock { $0.abandon() }?.resume(returning: .compute)
            throw error
        } catch {
            settle(.failure(error))
            throw error
        }
    }

    private func settle(_ result: Result<Value, any Error>) {
        for parked in state.withLock({ $0.settle(result) }) { parked.resume(returning: .settled(result)) }
    }
}
