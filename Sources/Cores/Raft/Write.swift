/// What must reach the disk: in the order of the writes, each whole or (after a crash) not at all or torn at its end.
public struct Write: Hashable, Sendable {
    /// One more than that of the write before it; the first has 1. `Raft.persisted(through:)` takes it.
    public let sequence: UInt64
    /// Replaces the one on disk, when there is one.
    public let hardState: HardState?
    /// Follow each other. The first one's index truncates: what the log has from there on goes.
    public let entries: [Entry]
    /// To be written into the partial snapshot at its offset; a chunk of another snapshot than the partial one replaces
    /// it. With the last chunk, the snapshot takes the place of the older one and of the whole log; such a write has no
    /// entries.
    public let chunk: SnapshotChunk?
    /// False when nothing is lost but the knowledge of what is committed: then no sync is needed.
    public let mustSync: Bool

    public init(
        sequence: UInt64, hardState: HardState? = nil, entries: [Entry] = [], chunk: SnapshotChunk? = nil,
        mustSync: Bool
    ) {
        self.sequence = sequence
        self.hardState = hardState
        self.entries = entries
        self.chunk = chunk
        self.mustSync = mustSync
    }
}
