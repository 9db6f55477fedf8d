import ApusPrimitives
import ApusRaft

/// What is on a disk, so that no crash takes it away.
struct DiskImage {
    private(set) var hardState = HardState()
    private(set) var snapshot: Snapshot?
    private(set) var log = EntryLog()
    private(set) var partial: Snapshot?
    /// Whom this node voted for in which term, ever.
    private(set) var votes: [Term: NodeID] = [:]

    init(snapshot: Snapshot? = nil) {
        self.snapshot = snapshot
    }

    var state: PersistentState {
        PersistentState(
            hardState: hardState, snapshot: snapshot?.metadata,
            entries: log.entries(after: snapshot?.metadata.index ?? .zero),
            partialSnapshot: partial.map {
                PartialSnapshot(metadata: $0.metadata, source: $0.source, bytes: UInt64($0.bytes.count))
            })
    }

    /// The term at `index`, also where only the snapshot has it.
    func term(at index: LogIndex) -> Term? {
        if let metadata = snapshot?.metadata, metadata.index == index { return metadata.term }
        return log.term(at: index)
    }

    /// Whether the effect of the entry is on this disk.
    func has(_ index: LogIndex, _ term: Term) -> Bool {
        if let metadata = snapshot?.metadata, metadata.index >= index { return true }
        return log.term(at: index) == term
    }

    mutating func apply(_ write: Write) throws(Broken) {
        if let hardState = write.hardState { try apply(hardState) }
        for entry in write.entries where !log.append(entry) {
            throw Broken(.disk, "writes entry \(entry.index) after \(log.lastIndex)")
        }
        if let chunk = write.chunk { try apply(chunk) }
    }

    mutating func apply(_ new: HardState) throws(Broken) {
        if new.term < hardState.term {
            throw Broken(.termsGrow, "writes term \(new.term) after \(hardState.term)")
        }
        if let vote = new.votedFor {
            if let earlier = votes[new.term], earlier != vote {
                throw Broken(.oneVote, "writes a vote for \(vote) in term \(new.term) after one for \(earlier)")
            }
            votes[new.term] = vote
        } else if let earlier = votes[new.term] {
            throw Broken(.oneVote, "forgets its vote for \(earlier) in term \(new.term)")
        }
        hardState = new
    }

    private mutating func apply(_ chunk: SnapshotChunk) throws(Broken) {
        let isNext = partial.map { $0.metadata == chunk.snapshot && $0.source == chunk.source } ?? false
        let before = isNext ? partial?.bytes ?? [] : []
        guard chunk.offset <= UInt64(before.count) else {
            throw Broken(.snapshots, "writes byte \(chunk.offset) of a snapshot after \(before.count)")
        }
        let received = Snapshot(
            metadata: chunk.snapshot, source: chunk.source,
            bytes: Array(before.prefix(Int(chunk.offset))) + chunk.bytes.array)
        guard chunk.isLast else {
            partial = received
            return
        }
        partial = nil
        snapshot = received
        log = EntryLog(base: chunk.snapshot.index, baseTerm: chunk.snapshot.term)
    }

    /// The node's own snapshot; an older one than is there changes nothing.
    mutating func keep(_ taken: Snapshot) {
        guard taken.metadata.index > (snapshot?.metadata.index ?? .zero) else { return }
        snapshot = taken
        log.dropThrough(taken.metadata.index)
    }

    /// What a torn write leaves: its beginning.
    mutating func tear(_ write: Write, keeping entries: Int) throws(Broken) {
        if let hardState = write.hardState { try apply(hardState) }
        for entry in write.entries.prefix(entries) { _ = log.append(entry) }
        if let chunk = write.chunk, chunk.bytes.count > 1, entries == 0 {
            try apply(
                SnapshotChunk(
                    snapshot: chunk.snapshot, source: chunk.source, offset: chunk.offset,
                    bytes: Bytes(chunk.bytes.array.dropLast()), isLast: false))
        }
    }
}
