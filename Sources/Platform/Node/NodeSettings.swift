public import ApusRaft

/// The bounds and times of a node. Those of all nodes of a cluster should be the same.
public struct NodeSettings: Sendable {
    public enum Ticks: Hashable, Sendable {
        case every(Duration)
        /// Somebody calls `ReplicatedNode.tick()`: a test.
        case byHand
    }

    /// What the core calls a tick. With `raft.electionTicks` of them without a leader, a node campaigns.
    public var ticks = Ticks.every(.milliseconds(100))
    public var raft = RaftOptions()
    /// How long a proposal, a read or a change of members may take, in ticks. Then its caller gets `.timeout`; a proposal is no
    /// longer repeated, but one that is on its way may still take effect.
    public var timeoutTicks = 100
    /// Proposals and reads that have no answer yet; more are refused with `.overloaded`.
    public var maximumWaiting = 65_536
    /// Bytes of proposals that have no answer yet.
    public var maximumWaitingBytes = 64 << 20
    /// A command of more is refused with `.invalidRequest`.
    public var maximumCommandBytes = 1 << 20
    /// A snapshot is taken when so many bytes of entries were applied since the last one, and a quarter of its size; at the latest
    /// after 256 MiB.
    public var snapshotAfterBytes = 64 << 20
    /// How long commands are applied before messages and ticks have their turn.
    public var applySlice = Duration.milliseconds(5)
    /// The seed of everything random in the node; nil takes it from the system.
    public var seed: UInt64?

    public init() {}
}
