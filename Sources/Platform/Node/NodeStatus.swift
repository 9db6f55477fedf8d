public import ApusRaft

/// A look at a node, for people, health checks and tests.
public struct NodeStatus: Sendable {
    /// What the core says.
    public let raft: Status
    /// It receives the log and counts for nothing.
    public let isLearner: Bool
    /// Those who were removed from the cluster, the last ones, in the order of their removal.
    public let removed: [NodeID]
    /// The members of the configuration in force, with the addresses that are known of them, in ascending order.
    public let members: [Member]
    /// Where the leader listens, when one is known.
    public let leader: Member?
    /// Everything up to here is in the state machine.
    public let appliedIndex: LogIndex
    /// Proposals, reads and requests to the leader without an answer.
    public let waiting: Int
    /// The sessions of proposers that the cluster remembers.
    public let sessions: Int
    /// How often this node saw the leadership change since it started.
    public let leaderChanges: Int
    public let isTakingSnapshot: Bool
    /// It gets its state from a snapshot, and serves no reads meanwhile.
    public let isRestoring: Bool

    init(_ driver: Driver) {
        raft = driver.raft.status
        members = driver.raft.configuration.members.map { driver.known[$0] ?? Member($0) }
        isLearner = raft.configuration.learners.contains(driver.id)
        removed = driver.book.removed
        leader = driver.leader
        appliedIndex = driver.appliedIndex
        waiting = driver.inbox.waiting
        sessions = driver.sessions.count
        leaderChanges = driver.metrics.leaderChangesSeen
        isTakingSnapshot = driver.isTakingSnapshot
        isRestoring = driver.restoring != nil
    }
}
