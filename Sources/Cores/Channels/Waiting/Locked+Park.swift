public import ApusPrimitives
public import Synchronization

/// A task that waits for somebody to resume it.
@usableFromInline
typealias Parked<Value> = UnsafeContinuation<Value, any Error>

/// What a state machine says to a task that wants something of it.
@usableFromInline
enum Entrance<Value> {
    /// `then` is what else follows from it, outside the lock.
    case answered(Result<Value, any Error>, then: (() -> Void)? = nil)
    /// It stands in line, and whoever serves the line resumes it.
    case waiting(Ticket, then: (() -> Void)? = nil)

    @inlinable
    static func granted() -> Self where Value == Void { .answered(.success(())) }
}

/// What happens when a cancelled task leaves its line.
@usableFromInline
struct Departure<Value> {
    /// nil when it was served just before: then its cancellation comes too late and changes nothing.
    @usableFromInline
    var leaver: Parked<Value>?
    /// What follows from it, outside the lock.
    @usableFromInline
    var then: (() -> Void)?

    @inlinable
    init(_ leaver: Parked<Value>?, then: (() -> Void)? = nil) {
        self.leaver = leaver
        self.then = then
    }

    /// - Parameter granted: those whose turn it is because the leaver does not stand before them any more.
    @inlinable
    init(_ leaver: Parked<Value>?, granted: [Parked<Void>]) {
        self.init(leaver) {
            for parked in granted { parked.resume() }
        }
    }
}

extension Locked {
    /// Asks the state for something, and waits in line when it is not to be had at once.
    ///
    /// A cancelled task leaves the line with a `CancellationError`; one that was served first keeps what it was served.
    @inlinable
    func park<Value: Sendable>(
        _ enter: (inout State, Parked<Value>) -> Entrance<Value>,
        leave: @Sendable (inout State, Ticket) -> Departure<Value>
    ) async throws -> Value {
        // 0: not in line yet. Read and written under the lock; atomic only because two closures share it.
        let place = Atomic<UInt64>(0)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { (parked: Parked<Value>) in
                let entrance: Entrance<Value> = withLock { state in
                    // The handler below may have run already, and found nobody in line.
                    if Task.isCancelled { return .answered(.failure(CancellationError())) }
                    let entrance = enter(&state, parked)
                    if case .waiting(let ticket, _) = entrance { place.store(ticket.number, ordering: .relaxed) }
                    return entrance
                }
                switch entrance {
                case .answered(let result, let then):
                    then?()
                    parked.resume(with: result)
                case .waiting(_, let then):
                    then?()
                }
            }
        } onCancel: {
            let departure = withLock { state in
                let number = place.load(ordering: .relaxed)
                return number == 0 ? Departure(nil) : leave(&state, Ticket(number: number))
            }
            departure.leaver?.resume(throwing: CancellationError())
            departure.then?()
        }
    }
}
