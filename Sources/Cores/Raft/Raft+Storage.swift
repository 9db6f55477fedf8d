import DequeModule

// What the disk has, and what has to wait for it (Raft, figure 2: "updated on stable storage before responding to RPCs").
extension Raft {
    /// A message that promises what the disk does not have yet.
    struct HeldMessage: Sendable {
        let sequence: UInt64
        let message: Message
    }

    /// Messages that wait for the disk. More of them are not kept: they may be lost as any.
    static let maximumHeldMessages = 1_024

    /// The term and the vote are on disk.
    var isVoteDurable: Bool { !isVoteUnwritten && writes.persistedSequence >= voteSequence }

    /// A write is not acknowledged for `stalledDiskTicks`.
    var isDiskStalled: Bool {
        guard let oldest = writes.oldestTick else { return false }
        return ticks - oldest >= UInt64(options.stalledDiskTicks)
    }

    /// Nothing leaves this node in a term, or after a vote, that it could forget: who was told of it would be deceived by
    /// a node that comes back without it.
    mutating func send(_ body: Message.Body, to receiver: NodeID, in messageTerm: Term? = nil) {
        let message = Message(from: id, to: receiver, term: messageTerm ?? term, body: body)
        if isVoteDurable {
            messages.append(message)
        } else if heldMessages.count < Self.maximumHeldMessages {
            let sequence = isVoteUnwritten ? writes.nextSequence : voteSequence
            heldMessages.append(HeldMessage(sequence: sequence, message: message))
        }
    }

    /// Every write up to `sequence` is on disk. What waited for them is in the next `Ready`.
    public mutating func persisted(through sequence: UInt64) {
        guard sequence > writes.persistedSequence, sequence < writes.nextSequence else { return }
        let wasVoteDurable = isVoteDurable
        for chunk in writes.persisted(through: sequence) { chunkPersisted(chunk) }
        while let first = heldMessages.first, first.sequence <= sequence {
            messages.append(first.message)
            heldMessages.removeFirst()
        }
        if !wasVoteDurable, isVoteDurable { votePersisted() }
        hasPersisted = true
        ownEntriesPersisted()
    }

    /// Whether the disk has room. Without it a leader refuses proposals and hands over, a follower takes no entries, and
    /// nobody campaigns; reads go on.
    public mutating func storageBecame(writable: Bool) {
        guard isWritable != writable else { return }
        isWritable = writable
        if writable { configurationMayBeCommitted() } else { handOver() }
    }

    // MARK: Writing

    /// The commit index that may be written: if it said more than the disk's log has, a crash between the two would leave
    /// entries there that are called committed and are not those.
    private var durableCommit: LogIndex { min(commitIndex, writes.durableIndex) }

    var isWriteDue: Bool {
        isVoteUnwritten || unwrittenChunk != nil || writes.issuedIndex < log.lastIndex
            || isCommitWriteDue && writtenCommit < durableCommit
    }

    mutating func nextWrite() -> Write? {
        guard isWriteDue else { return nil }
        let chunk = unwrittenChunk
        unwrittenChunk = nil
        // Entries do not share a write with the end of a snapshot, which replaces the log.
        let first = writes.issuedIndex.next
        let last = chunk?.isLast == true ? writes.issuedIndex : log.lastIndex
        let entries = first <= last ? log.slice(from: first, through: last) : []
        let sequence = writes.issue(through: last, chunk: chunk, tick: ticks)
        return Write(
            sequence: sequence, hardState: nextHardState(sequence), entries: entries, chunk: chunk,
            mustSync: voteSequence == sequence || !entries.isEmpty || chunk != nil)
    }

    /// The commit index alone is written at most once a tick: it saves nothing but time after a restart.
    private mutating func nextHardState(_ sequence: UInt64) -> HardState? {
        guard isVoteUnwritten || writtenCommit < durableCommit else { return nil }
        if isVoteUnwritten { voteSequence = sequence }
        isVoteUnwritten = false
        isCommitWriteDue = false
        writtenCommit = max(writtenCommit, durableCommit)
        return HardState(term: term, votedFor: votedFor, commitIndex: writtenCommit)
    }
}
