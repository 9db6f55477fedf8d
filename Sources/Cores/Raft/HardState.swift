/// What a node must not forget (Raft, figure 2, "persistent state"), but for the log.
public struct HardState: Hashable, Sendable {
    public var term: Term
    /// Whom this node voted for in `term`.
    public var votedFor: NodeID?
    /// Not needed for safety: it lets a restarted node apply at once what it knew to be committed.
    public var commitIndex: LogIndex

    public init(term: Term = .zero, votedFor: NodeID? = nil, commitIndex: LogIndex = .zero) {
        self.term = term
        self.votedFor = votedFor
        self.commitIndex = commitIndex
    }
}
