import ApusPrimitives

/// An outcome that comes once, and that any number of tasks may wait for: an address that is bound, a first list.
public final class Signal<Value: Sendable>: Sendable {
    private struct State {
        var outcome: Result<Value, any Error>?
        var nextID: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<Value, any Error>] = [:]
        /// Cancelled before they began to wait.
        var cancelled: Set<UInt64> = []
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
            let id = state.withLock { state in
                state.nextID += 1
                return state.nextID
            }
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
                    let outcome: Result<Value, any Error>? = state.withLock { state in
                        let wasCancelled = state.cancelled.remove(id) != nil
                        if let outcome = state.outcome { return outcome }
                        if wasCancelled { return .failure(CancellationError()) }
                        state.waiting[id] = continuation
                        return nil
                    }
                    if let outcome { continuation.resume(with: outcome) }
                }
            } onCancel: {
                let continuation = state.withLock { state in
                    let continuation = state.waiting.removeValue(forKey: id)
                    if continuation == nil, state.outcome == nil { state.cancelled.insert(id) }
                    return continuation
                }
                continuation?.resume(throwing: CancellationError())
            }
        }
    }

    private func settle(_ outcome: Result<Value, any Error>) {
        let waiting = state.withLock { state in
            guard state.outcome == nil else { return [CheckedContinuation<Value, any Error>]() }
            state.outcome = outcome
            defer { state.waiting = [:] }
            return state.waiting.sorted { $0.key < $1.key }.map(\.value)
        }
        for continuation in waiting { continuation.resume(with: outcome) }
    }
}

extension Signal<Void> {
    public func send() {
        send(())
    }
}
