import ApusPrimitives

/// A caller that waits for a thread of its own kind, a disk's or a database's: begun at most once, answered exactly once.
///
/// A caller whose task is cancelled gets a `CancellationError` at once, unless its work has begun by then: a disk that
/// hangs does not hold whoever set a deadline. Whoever does the work without `begin` may still do it after that.
public final class Waiter<Value: Sendable>: Sendable {
    private enum State {
        /// To `waiting`, or to `answered` when it is cancelled first.
        case created
        /// To `begun`, or to `answered` by cancellation or a refusal.
        case waiting(CheckedContinuation<Value, any Error>)
        /// To `answered`; cancellation no longer changes anything.
        case begun(CheckedContinuation<Value, any Error>)
        case answered
    }

    private let state = Locked(State.created)

    /// Waits for the answer; `enqueue` hands this waiter to whoever will call `answer`, and `begin` before if it matters.
    ///
    /// - Throws: `CancellationError`, or the error of the answer.
    public static func wait(_ enqueue: (Waiter) -> Void) async throws -> Value {
        let waiter = Waiter()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let wasCancelled = waiter.state.withLock { state in
                    guard case .created = state else { return true }
                    state = .waiting(continuation)
                    return false
                }
                if wasCancelled { continuation.resume(throwing: CancellationError()) } else { enqueue(waiter) }
            }
        } onCancel: {
            waiter.cancel()
        }
    }

    /// Nobody waits any more.
    public var isGone: Bool {
        state.withLock { state in
            if case .answered = state { true } else { false }
        }
    }

    /// Whether the work should be done: false when the caller has gone.
    public func begin() -> Bool {
        state.withLock { state in
            guard case .waiting(let continuation) = state else { return false }
            state = .begun(continuation)
            return true
        }
    }

    /// Only the first answer counts, and none after a cancellation.
    public func answer(_ result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .waiting(let continuation), .begun(let continuation):
                state = .answered
                return continuation
            case .created, .answered:
                return nil
            }
        }
        continuation?.resume(with: result)
    }

    private func cancel() {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .created:
                state = .answered
                return nil
            case .waiting(let continuation):
                state = .answered
                return continuation
            case .begun, .answered:
                return nil
            }
        }
        continuation?.resume(throwing: CancellationError())
    }
}
