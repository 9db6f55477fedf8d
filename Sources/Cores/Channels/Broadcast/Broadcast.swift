public import ApusPrimitives

/// One element, many readers: what is published goes to every subscriber, each with a buffer of its own.
///
/// ```swift
/// let prices = Broadcast<Price>()
/// let display = prices.subscribe(capacity: 1, whenSlow: .dropOldest)
/// let journal = prices.subscribe(capacity: 1000, whenSlow: .wait)
/// ```
///
/// Go has no such thing: there, a loop sends to a list of channels and one slow reader stops it. Here each subscriber says
/// what is to happen when it is slow. All subscribers see the elements in the same order.
public final class Broadcast<Element: Sendable>: Sendable {
    @usableFromInline
    typealias State = BroadcastState<Element, Parked<Void>, Parked<Element?>>

    @usableFromInline
    let state = Locked(State())

    @inlinable
    public init() {}

    @inlinable
    public var subscriberCount: Int { state.withLock { $0.subscriberCount } }

    /// How many tasks wait to publish.
    @inlinable
    public var waiting: Int { state.withLock { $0.waiting } }

    @inlinable
    public var isClosed: Bool { state.withLock { $0.isClosed } }

    /// A subscriber gets what is published from now on, until it is cancelled or nobody has it any more.
    ///
    /// - Parameters:
    ///   - capacity: how many elements it may be behind, 1 or more.
    ///   - policy: what happens when it is behind by so many.
    ///   - first: what it gets before all else: how things stand, before how they change.
    @inlinable
    public func subscribe(
        capacity: Int, whenSlow policy: BroadcastPolicy, startingWith first: Element? = nil
    ) -> BroadcastSubscription<Element> {
        precondition(capacity > 0, "a subscriber needs room for an element")
        let id = state.withLock { $0.subscribe(capacity: capacity, policy: policy, first: first) }
        return BroadcastSubscription(self, id)
    }

    /// Gives `element` to every subscriber, and waits while a subscriber with the policy `wait` has no room. An element
    /// whose publication was cancelled reaches nobody.
    ///
    /// - Throws: `CancellationError` when the task is cancelled while it waits; `ChannelClosed`, also when it is closed
    ///   meanwhile. In both cases nothing was published.
    @inlinable
    public func publish(_ element: Element) async throws {
        if try tryPublish(element) { return }
        try await state.park { state, parked in
            if state.isClosed { return .answered(.failure(ChannelClosed(cause: state.cause))) }
            guard let actions = state.publish(element) else { return .waiting(state.enqueue(element, parked)) }
            return .answered(.success(())) { self.act(actions) }
        } leave: { state, ticket in
            Departure(state.cancel(publisher: ticket))
        }
    }

    /// Gives `element` to every subscriber, if none has to be waited for.
    ///
    /// - Returns: false when it would have to wait: then it reached nobody.
    /// - Throws: `ChannelClosed`.
    @inlinable
    public func tryPublish(_ element: Element) throws(ChannelClosed) -> Bool {
        let actions = try state.withLock { state throws(ChannelClosed) in
            if state.isClosed { throw ChannelClosed(cause: state.cause) }
            return state.publish(element)
        }
        guard let actions else { return false }
        act(actions)
        return true
    }

    /// Ends every subscriber once it has read its buffer, and refuses whoever waits to publish.
    ///
    /// Only the first close counts.
    public func close() {
        act(state.withLock { $0.close(nil) })
    }

    /// As `close()`, but every subscriber gets `error` once it has read its buffer, in place of the end.
    public func close(throwing error: any Error) {
        act(state.withLock { $0.close(error) })
    }

    /// What follows from a change of the state, outside its lock.
    @inlinable
    func act(_ actions: State.Actions) {
        for (receiver, reception) in actions.receptions { receiver.resume(with: reception.result) }
        for publisher in actions.published { publisher.resume() }
        guard !actions.refused.isEmpty else { return }
        let error = ChannelClosed(cause: state.withLock { $0.cause })
        for publisher in actions.refused { publisher.resume(throwing: error) }
    }
}

extension BroadcastState.Reception {
    @inlinable
    var result: Result<Element?, any Error> {
        switch self {
        case .element(let element): .success(element)
        case .ended(nil): .success(nil)
        case .ended(let error?): .failure(error)
        case .disconnected(let error): .failure(error)
        }
    }
}
