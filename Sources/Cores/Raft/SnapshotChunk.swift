public import ApusPrimitives

/// A piece of a snapshot on its way to a follower.
public struct SnapshotChunk: Hashable, Sendable {
    public let snapshot: SnapshotMetadata
    /// Where the piece belongs, in bytes from the beginning.
    public let offset: UInt64
    public let bytes: Bytes
    /// Nothing comes after it.
    public let isLast: Bool

    public init(snapshot: SnapshotMetadata, offset: UInt64, bytes: Bytes, isLast: Bool) {
        self.snapshot = snapshot
        self.offset = offset
        self.bytes = bytes
        self.isLast = isLast
    }
}
