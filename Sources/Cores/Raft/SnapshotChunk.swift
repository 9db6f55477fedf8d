public import ApusPrimitives

/// A piece of a snapshot on its way to a follower.
public struct SnapshotChunk: Hashable, Sendable {
    public let snapshot: SnapshotMetadata
    /// Whose file it is a piece of: two nodes' snapshots of one index need not have the same bytes, so that pieces of
    /// both must not be put together.
    public let source: NodeID
    /// Where the piece belongs, in bytes from the beginning.
    public let offset: UInt64
    public let bytes: Bytes
    /// Nothing comes after it.
    public let isLast: Bool

    public init(snapshot: SnapshotMetadata, source: NodeID, offset: UInt64, bytes: Bytes, isLast: Bool) {
        self.snapshot = snapshot
        self.source = source
        self.offset = offset
        self.bytes = bytes
        self.isLast = isLast
    }
}
