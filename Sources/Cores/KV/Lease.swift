public import ApusPrimitives

/// A promise that ends unless it is renewed; the keys attached to it end with it.
public struct Lease: Hashable, Sendable {
    public let id: LeaseID
    /// Seconds from a keep-alive to the end.
    public let grantedTTLSeconds: Int64
    /// When it ends, on the timeline of whoever passed in the time.
    public let expires: MonotonicTime

    public init(id: LeaseID, grantedTTLSeconds: Int64, expires: MonotonicTime) {
        self.id = id
        self.grantedTTLSeconds = grantedTTLSeconds
        self.expires = expires
    }

    /// Whole seconds left, rounded down; 0 once it has ended.
    public func remainingSeconds(at now: MonotonicTime) -> Int64 {
        max(0, (expires - now).nanoseconds / 1_000_000_000)
    }

    public func hasExpired(at now: MonotonicTime) -> Bool {
        expires <= now
    }
}
