import ApusPrimitives

/// A caller that waits for the log's thread: answered once, or gone when its task is cancelled.
///
/// A disk that hangs must not hold whoever set a deadline. What was asked for may then still happen.
final class LogWaiter<Value: Sendable>: Sendable {
    private enum State {
        /// To `waiting`, or to `answered` when it is cancelled first.
        case created
        /// To `answered`.
        case waiting(CheckedContinuation<Value, any Error>)
        case answered
    }

    private let state = Locked(State.created)

    /// Waits for the answer; `enqueue` hands this waiter to whoever will give it.
    static func wait(_ enqueue: (LogWaiter) -> Void) async throws -> Value {
        let waiter = LogWaiter()
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
            waiter.resume(throwing: CancellationError())
        }
    }

    /// Nobody waits any more.
    var isGone: Bool {
        state.withLock { state in
            if case .answered = state { true } else { false }
        }
    }

    func resume(with result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            defer { state = .answered }
            guard case .waiting(let continuation) = state else { return nil }
            return continuation
        }
        continuation?.resume(with: result)
    }

    func resume(throwing error: any Error) {
        resume(with: .failure(error))
    }
}
