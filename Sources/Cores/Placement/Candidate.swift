/// An endpoint that a balancer may pick, and what it needs to know of it.
public struct Candidate<ID: Hashable & Sendable>: Hashable, Sendable {
    public var id: ID
    /// Share of the traffic relative to the others; 0 or less takes none.
    public var weight: Int
    /// Calls sent to it that have not ended.
    public var inFlight: Int

    @inlinable
    public init(id: ID, weight: Int = 1, inFlight: Int = 0) {
        self.id = id
        self.weight = weight
        self.inFlight = inFlight
    }
}
