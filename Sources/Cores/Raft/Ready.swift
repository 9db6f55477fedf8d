/// What a node has to do, now. Take it with `Raft.takeReady()` after inputs; do all of it, in any order between the parts,
/// each part in its own order.
///
/// The core holds back whatever promises something that the disk does not have yet (votes, acknowledgements, its own
/// part in a majority) until `Raft.persisted(through:)`. So nothing here has to wait for anything else here: a message is always
/// safe to send at once, and a leader's entries travel while its own disk writes (dissertation, section 10.2.1).
public struct Ready: Hashable, Sendable {
    /// To be sent. They may be lost; those to one node are best sent in order.
    public var messages: [Message] = []
    /// To be written, and answered with `Raft.persisted(through:)`. Several may be under way.
    public var write: Write?
    /// To be loaded into the state machine, from the disk, before anything in `committed`: this snapshot replaces all that
    /// was applied. Answered with `Raft.applied(through: index)`.
    public var restore: SnapshotMetadata?
    /// To be applied to the state machine, in order; answered with `Raft.applied(through:)`. On disk on a majority.
    public var committed: [Entry] = []
    /// Reads that may be served once the state machine has applied `index`.
    public var reads: [Read] = []
    /// Reads that will not be answered: leadership was lost or is not known. Ask again.
    public var refusedReads: [ReadID] = []
    /// Pieces of this node's snapshots that the core wants to send: read them, and hand them to `Raft.chunkRead(_:)`; or say
    /// `Raft.chunkUnavailable(_:)`.
    public var chunkRequests: [ChunkRequest] = []
    /// A follower needs what the log no longer has, and no snapshot has yet: take one, and tell with `Raft.snapshotTaken(_:)`.
    /// It is said again until then.
    public var needsSnapshot = false
    /// Set when the role, the term or the known leader changed.
    public var standing: Standing?

    public init() {}

    public struct Read: Hashable, Sendable {
        public let id: ReadID
        public let index: LogIndex

        public init(id: ReadID, index: LogIndex) {
            self.id = id
            self.index = index
        }
    }

    public struct ChunkRequest: Hashable, Sendable {
        /// For whom.
        public let to: NodeID
        public let snapshot: SnapshotMetadata
        public let offset: UInt64
        /// Read no more than this. At the end of the file: no bytes, and the piece is the last.
        public let maximumBytes: Int

        public init(to: NodeID, snapshot: SnapshotMetadata, offset: UInt64, maximumBytes: Int) {
            self.to = to
            self.snapshot = snapshot
            self.offset = offset
            self.maximumBytes = maximumBytes
        }
    }
}
