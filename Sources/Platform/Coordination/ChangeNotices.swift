import ApusChannels

/// That something changed, and one notice at the start. Whoever is busy gets one notice for all the changes it missed, so
/// read the state after each. Ends when the task is cancelled.
public struct ChangeNotices: AsyncSequence, Sendable {
    public typealias Failure = Never

    let subscription: BroadcastSubscription<Void>

    init(of changes: Broadcast<Void>) {
        subscription = changes.subscribe(capacity: 1, whenSlow: .dropNewest, startingWith: ())
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(subscription: subscription)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let subscription: BroadcastSubscription<Void>

        /// nil when the task is cancelled.
        public mutating func next() async -> Void? {
            await next(isolation: #isolation)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async -> Void? {
            try? await subscription.receive()
        }
    }
}

extension Broadcast<Void> {
    /// Its subscribers have one policy: they are never waited for.
    func notify() {
        _ = try? tryPublish(())
    }
}
