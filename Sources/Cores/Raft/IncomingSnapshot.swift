/// A snapshot that a follower is being sent.
struct IncomingSnapshot: Sendable {
    let metadata: SnapshotMetadata
    let source: NodeID
    /// The bytes that were handed out to be written, and those that are.
    var received: UInt64
    var durable: UInt64
    var isAnswerOwed = false

    init(_ partial: PartialSnapshot) {
        metadata = partial.metadata
        source = partial.source
        received = partial.bytes
        durable = partial.bytes
    }

    init(of chunk: SnapshotChunk) {
        metadata = chunk.snapshot
        source = chunk.source
        received = 0
        durable = 0
    }

    func isOf(_ chunk: SnapshotChunk) -> Bool { metadata == chunk.snapshot && source == chunk.source }
}
