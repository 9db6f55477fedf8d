import ApusPrimitives

/// Tells any number of subscribers that something changed. A subscriber that is busy gets one notice for all the changes
/// it missed, so that memory is bounded.
struct ChangeHub: Sendable {
    private struct State {
        var nextID: UInt64 = 0
        var subscribers: [UInt64: AsyncStream<Void>.Continuation] = [:]
    }

    private let state = Locked(State())

    var subscriberCount: Int { state.withLock { $0.subscribers.count } }

    /// The first element is there at once: a consumer that reads the state after each element misses nothing.
    func subscribe() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.nextID += 1
            state.subscribers[state.nextID] = continuation
            return state.nextID
        }
        let state = state
        continuation.onTermination = { _ in
            state.withLock { $0.subscribers[id] = nil }
        }
        continuation.yield()
        return stream
    }

    func notify() {
        for continuation in state.withLock({ Array($0.subscribers.values) }) {
            continuation.yield()
        }
    }
}
