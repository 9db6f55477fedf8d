import ApusPrimitives

// A follower that is sent a snapshot (Raft, section 7, figure 13).
extension Raft {
    mutating func takeChunk(_ chunk: SnapshotChunk, from sender: NodeID) {
        let index = chunk.snapshot.index
        // What it stands for is here already: "retain log entries following it and reply".
        if index <= commitIndex || log.term(at: index) == chunk.snapshot.term {
            commit(through: index)
            matchedIndex = max(matchedIndex, commitIndex)
            isAnswerOwed = true
            return
        }
        guard isWritable, unwrittenChunk == nil else { return }
        if incoming?.isOf(chunk) != true {
            // Another snapshot than before begins at its beginning.
            guard chunk.offset == 0 else { return send(.snapshotProgress(index: index, nextOffset: 0), to: sender) }
            incoming = IncomingSnapshot(of: chunk)
        }
        incoming?.isAnswerOwed = true
        guard chunk.offset == incoming?.received else { return }
        incoming?.received += UInt64(chunk.bytes.count)
        unwrittenChunk = chunk
        if chunk.isLast { install(chunk.snapshot) }
    }

    /// Replaces the whole log. From here on nothing of the old one is sent, written or given to the state machine; the new
    /// one is when the disk has the last piece.
    private mutating func install(_ metadata: SnapshotMetadata) {
        writes.truncated(from: commitIndex.next)
        writes.replaced(through: metadata.index)
        log = RaftLog(after: metadata)
        commitIndex = metadata.index
        matchedIndex = max(matchedIndex, metadata.index)
        isAnswerOwed = true
        incoming = nil
    }

    mutating func chunkPersisted(_ chunk: SnapshotChunk) {
        if chunk.isLast {
            snapshot = chunk.snapshot
            pendingRestore = chunk.snapshot
        } else if let known = incoming, known.isOf(chunk) {
            incoming?.durable = max(known.durable, chunk.offset + UInt64(chunk.bytes.count))
        }
    }

    var isProgressDue: Bool {
        guard role == .follower, leader != nil, let incoming else { return false }
        return incoming.isAnswerOwed && incoming.durable == incoming.received
    }

    /// Says where to go on, when all that arrived is on disk.
    mutating func acknowledgeChunk() {
        guard isProgressDue, let leader, let known = incoming else { return }
        incoming?.isAnswerOwed = false
        send(.snapshotProgress(index: known.metadata.index, nextOffset: known.durable), to: leader)
    }
}
