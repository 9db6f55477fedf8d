public import ApusPrimitives

/// What one subscriber gets of a `Broadcast`. Several loops over one subscription share its elements.
public final class BroadcastSubscription<Element: Sendable>: AsyncSequence, Sendable {
    @usableFromInline
    let broadcast: Broadcast<Element>
    @usableFromInline
    let id: Broadcast<Element>.State.SubscriberID

    @inlinable
    init(_ broadcast: Broadcast<Element>, _ id: Broadcast<Element>.State.SubscriberID) {
        self.broadcast = broadcast
        self.id = id
    }

    /// A subscriber that nobody reads must not hold up those who publish.
    deinit {
        cancel()
    }

    /// How many elements did not reach this subscriber because it was slow; 0 when it has ended.
    @inlinable
    public var missed: Int { broadcast.state.withLock { $0.missed(id) } }

    /// The next element; waits while there is none.
    ///
    /// - Returns: nil when the broadcast is closed and everything has been read, or the subscription was cancelled.
    /// - Throws: `SubscriberTooSlow`, once, with the policy `disconnect`; the error that the broadcast was closed with;
    ///   `CancellationError` when the task is cancelled while it waits: then nothing was taken.
    @inlinable
    public func receive() async throws -> Element? {
        let id = id
        if let (reception, actions) = broadcast.state.withLock({ $0.receive(id) }) {
            broadcast.act(actions)
            return try reception.result.get()
        }
        return try await broadcast.state.park { [broadcast] state, parked in
            if let (reception, actions) = state.receive(id) {
                return .answered(reception.result) { broadcast.act(actions) }
            }
            return .waiting(state.wait(id, parked))
        } leave: { state, ticket in
            Departure(state.cancel(receiver: ticket, of: id))
        }
    }

    /// Gets nothing more; what is in its buffer is gone. Whoever waits in `receive` gets nil.
    public func cancel() {
        broadcast.act(broadcast.state.withLock { $0.unsubscribe(id) })
    }

    public struct Iterator: AsyncIteratorProtocol {
        @usableFromInline
        let subscription: BroadcastSubscription<Element>

        @inlinable
        init(subscription: BroadcastSubscription<Element>) {
            self.subscription = subscription
        }

        @inlinable
        public mutating func next() async throws -> Element? {
            try await subscription.receive()
        }

        @inlinable
        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> Element? {
            try await subscription.receive()
        }
    }

    @inlinable
    public func makeAsyncIterator() -> Iterator {
        Iterator(subscription: self)
    }
}
