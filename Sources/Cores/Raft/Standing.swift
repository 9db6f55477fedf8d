/// Where a node stands in its cluster.
public struct Standing: Hashable, Sendable {
    public enum Role: Hashable, Sendable {
        case follower
        /// Asks whether a campaign would be won, without a new term.
        case preCandidate
        case candidate
        case leader
    }

    public let role: Role
    public let term: Term
    /// Whom this node takes for the leader of `term`.
    public let leader: NodeID?

    public init(role: Role, term: Term, leader: NodeID?) {
        self.role = role
        self.term = term
        self.leader = leader
    }
}
