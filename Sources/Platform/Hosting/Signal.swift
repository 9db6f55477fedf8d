import ApusPrimitives

/// A value that comes once and that any number of tasks may wait for.
final class Signal<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var nextID: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<Value, any Error>] = [:]
        var cancelled: Set<UInt64> = []
    }

    private let state = Locked(State())

    /// The first value counts.
    func send(_ value: Value) {
        let waiting = state.withLock { state in
            guard state.value == nil else { return [CheckedContinuation<Value, any Error>]() }
            state.value = value
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in waiting { continuation.resume(returning: value) }
    }

    var valueIfSent: Value? { state.withLock { $0.value } }

    /// - Throws: `CancellationError`.
    var value: Value {
        get async throws {
            let id = state.withLock { state in
                state.nextID += 1
                return state.nextID
            }
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
                    let outcome: Result<Value, any Error>? = state.withLock { state in
                        if let value = state.value { return .success(value) }
                        if state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                        state.waiting[id] = continuation
                        return nil
                    }
                    if let outcome { continuation.resume(with: outcome) }
                }
            } onCancel: {
                let continuation = state.withLock { state in
                    let continuation = state.waiting.removeValue(forKey: id)
                    if continuation == nil, state.value == nil { state.cancelled.insert(id) }
                    return continuation
                }
                continuation?.resume(throwing: CancellationError())
            }
        }
    }
}
