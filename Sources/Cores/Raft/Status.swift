/// A look at a node, for people and metrics.
public struct Status: Hashable, Sendable {
    public let id: NodeID
    public let standing: Standing
    public let commitIndex: LogIndex
    public let appliedIndex: LogIndex
    public let firstIndex: LogIndex
    public let lastIndex: LogIndex
    /// Everything up to here is on this node's disk.
    public let durableIndex: LogIndex
    public let configuration: Configuration
    /// Where in the log the configuration is; 0 before the first.
    public let configurationIndex: LogIndex
    /// The newest on disk.
    public let snapshot: SnapshotMetadata?
    public let logBytes: Int
    public let uncommittedBytes: Int
    public let pendingReads: Int
    public let transferTarget: NodeID?
    /// The disk does not acknowledge a write for `stalledDiskTicks`.
    public let isDiskStalled: Bool
    /// What the leader knows of the members, itself included, in ascending order; empty elsewhere.
    public let peers: [Peer]

    public struct Peer: Hashable, Sendable {
        public enum State: Hashable, Sendable {
            /// One append at a time, until it is known where the logs meet.
            case probing
            /// Appends are sent without waiting for answers.
            case replicating
            /// It needs what the log no longer has.
            case snapshot(index: LogIndex, offset: UInt64)
        }

        public let id: NodeID
        public let state: State
        /// It has everything up to here on its disk.
        public let matchIndex: LogIndex
        /// What is sent next.
        public let nextIndex: LogIndex
        public let isRecentlyActive: Bool
        public let inflightMessages: Int
        public let inflightBytes: Int
    }
}
