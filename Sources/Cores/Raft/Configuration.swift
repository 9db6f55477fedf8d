/// Who belongs to the cluster. In a joint configuration (Raft, section 6) a decision needs a majority of `voters` and
/// one of `outgoingVoters`.
///
/// Every list is in ascending order and names nobody twice.
public struct Configuration: Hashable, Sendable {
    /// Those whose votes and acknowledgements count: of the new configuration while it is joint.
    public private(set) var voters: [NodeID]
    /// The voters of the old configuration while this one is joint; empty otherwise.
    public private(set) var outgoingVoters: [NodeID]
    /// Those who receive the log and neither vote nor count.
    public private(set) var learners: [NodeID]
    /// Outgoing voters who become learners when the joint configuration is left.
    public private(set) var nextLearners: [NodeID]
    /// Who ends it while it is joint; `.automatic` otherwise.
    public private(set) var leaving: ConfigurationChange.Leaving

    public init(
        voters: some Sequence<NodeID>, outgoingVoters: some Sequence<NodeID> = [], learners: some Sequence<NodeID> = [],
        nextLearners: some Sequence<NodeID> = [], leaving: ConfigurationChange.Leaving = .automatic
    ) {
        self.voters = Set(voters).sorted()
        self.outgoingVoters = Set(outgoingVoters).sorted()
        self.learners = Set(learners).sorted()
        self.nextLearners = Set(nextLearners).sorted()
        self.leaving = self.outgoingVoters.isEmpty ? .automatic : leaving
    }

    public var isJoint: Bool { !outgoingVoters.isEmpty }

    /// Whether `id` votes: in either half while the configuration is joint.
    public func isVoter(_ id: NodeID) -> Bool { voters.contains(id) || outgoingVoters.contains(id) }

    /// Everybody who receives the log, in ascending order.
    public var members: [NodeID] { Set(voters + outgoingVoters + learners + nextLearners).sorted() }

    var memberCount: Int { voters.count + outgoingVoters.count + learners.count + nextLearners.count }
}
