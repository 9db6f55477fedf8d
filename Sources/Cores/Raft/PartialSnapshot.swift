/// What a node has on disk of a snapshot that it was being sent.
public struct PartialSnapshot: Hashable, Sendable {
    public let metadata: SnapshotMetadata
    /// Whose snapshot it is: that of its chunks.
    public let source: NodeID
    /// How many bytes of its beginning are there.
    public let bytes: UInt64

    public init(metadata: SnapshotMetadata, source: NodeID, bytes: UInt64) {
        self.metadata = metadata
        self.source = source
        self.bytes = bytes
    }
}
