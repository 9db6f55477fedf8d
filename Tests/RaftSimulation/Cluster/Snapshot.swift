import ApusRaft

/// A snapshot, or the beginning of one, as a node's disk has it.
struct Snapshot {
    let metadata: SnapshotMetadata
    /// Whose state machine wrote it.
    let source: NodeID
    let bytes: [UInt8]
}
