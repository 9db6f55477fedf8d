/// What a `Broadcast` does with a subscriber whose buffer is full.
public enum BroadcastPolicy: Hashable, Sendable {
    /// Whoever publishes waits for it, and so do all other subscribers: for those who must see everything.
    case wait
    /// It loses the element that it has had for longest: for those who want what is new.
    case dropOldest
    /// It loses the element that comes: for those who want an unbroken beginning.
    case dropNewest
    /// It gets what is in its buffer, and then a `SubscriberTooSlow` that says how many elements it missed: for those
    /// who can read everything again, and must know that they have to.
    case disconnect
}

/// A subscriber with the policy `disconnect` fell behind by more than its capacity, and gets nothing more: subscribe again,
/// and then read again what was missed.
public struct SubscriberTooSlow: Error, Hashable, Sendable, CustomStringConvertible {
    /// How many elements did not reach it.
    public let missed: Int
    public let capacity: Int

    @inlinable
    init(missed: Int, capacity: Int) {
        self.missed = missed
        self.capacity = capacity
    }

    public var description: String {
        "a subscriber with room for \(capacity) elements was too slow and missed \(missed): subscribe again"
    }
}
