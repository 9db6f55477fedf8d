import DequeModule

/// The writes that a node has handed out and not heard of, and what is on the disk for certain.
struct WriteQueue: Sendable {
    private struct Pending {
        let sequence: UInt64
        /// Everything up to here is on disk with this write, unless it was truncated since.
        var lastIndex: LogIndex
        let issuedTick: UInt64
        let chunk: SnapshotChunk?
    }

    /// The sequence of the next write.
    private(set) var nextSequence: UInt64 = 1
    private(set) var persistedSequence: UInt64 = 0
    /// This log, up to here, is on disk.
    private(set) var durableIndex: LogIndex
    /// This log, up to here, was handed out in writes.
    private(set) var issuedIndex: LogIndex
    private var pending: Deque<Pending> = []

    init(durableIndex: LogIndex) {
        self.durableIndex = durableIndex
        issuedIndex = durableIndex
    }

    var oldestTick: UInt64? { pending.first?.issuedTick }

    mutating func issue(through lastIndex: LogIndex, chunk: SnapshotChunk?, tick: UInt64) -> UInt64 {
        pending.append(Pending(sequence: nextSequence, lastIndex: lastIndex, issuedTick: tick, chunk: chunk))
        issuedIndex = max(issuedIndex, lastIndex)
        nextSequence += 1
        return nextSequence - 1
    }

    /// Acknowledges every write up to `sequence`; returns the chunks that are on disk now.
    mutating func persisted(through sequence: UInt64) -> [SnapshotChunk] {
        var chunks: [SnapshotChunk] = []
        while let first = pending.first, first.sequence <= sequence {
            durableIndex = max(durableIndex, first.lastIndex)
            persistedSequence = first.sequence
            if let chunk = first.chunk { chunks.append(chunk) }
            pending.removeFirst()
        }
        return chunks
    }

    /// The log is another from `index` on: writes of what was there prove nothing any more.
    mutating func truncated(from index: LogIndex) {
        durableIndex = min(durableIndex, index.previous)
        issuedIndex = min(issuedIndex, index.previous)
        for place in pending.indices {
            pending[place].lastIndex = min(pending[place].lastIndex, index.previous)
        }
    }

    /// The log begins after a snapshot at `index` whose last piece is in the next write; nothing before it is written.
    mutating func replaced(through index: LogIndex) {
        issuedIndex = index
    }
}
