// Outputs.
extension Raft {
    /// Whether `takeReady()` has anything to say, or appends to send.
    public var hasReady: Bool {
        !messages.isEmpty || isWriteDue || isReplicationDue || areReadsWaitingForRound || isAcknowledgementDue
            || isProgressDue || !readyReads.isEmpty || !refusedReads.isEmpty || !reads.unsent.isEmpty
            || !chunkRequests.isEmpty || needsSnapshot || pendingRestore != nil || isCommittedDue
            || lastStanding != standing
    }

    /// What has to be done now, if anything: `takeReady()` when `hasReady`, without the copy of the node that reading a
    /// computed property may cost its owner.
    public mutating func nextReady() -> Ready? {
        hasReady ? takeReady() : nil
    }

    /// What has to be done now. Everything is said once.
    public mutating func takeReady() -> Ready {
        startReadRound()
        replicate()
        forwardReads()
        acknowledge()
        acknowledgeChunk()
        var ready = Ready()
        ready.write = nextWrite()
        ready.restore = takeRestore()
        ready.committed = takeCommitted()
        swap(&ready.messages, &messages)
        swap(&ready.reads, &readyReads)
        swap(&ready.refusedReads, &refusedReads)
        swap(&ready.chunkRequests, &chunkRequests)
        swap(&ready.needsSnapshot, &needsSnapshot)
        if lastStanding != standing {
            lastStanding = standing
            ready.standing = standing
        }
        return ready
    }

    /// The state machine has applied everything up to `index`.
    public mutating func applied(through index: LogIndex) {
        guard index <= handedIndex else { return }
        appliedIndex = max(appliedIndex, index)
        trimLog()
    }

    private mutating func takeRestore() -> SnapshotMetadata? {
        guard let restore = pendingRestore else { return nil }
        pendingRestore = nil
        // A newer one may be on its way to the disk already; it comes next.
        handedIndex = max(handedIndex, restore.index)
        return restore
    }

    /// Only what is on this node's own disk too: it need not be asked for again after a crash.
    private var committable: LogIndex { min(commitIndex, writes.durableIndex) }

    private var isCommittedDue: Bool {
        guard handedIndex < committable, handedIndex >= log.compactedIndex, pendingRestore == nil else { return false }
        return unappliedBytes < options.maximumUnappliedBytes
    }

    private var unappliedBytes: Int { log.bytes(after: appliedIndex, through: handedIndex) }

    private mutating func takeCommitted() -> [Entry] {
        guard isCommittedDue else { return [] }
        let first = handedIndex.next
        let room = options.maximumUnappliedBytes - unappliedBytes
        let last = log.last(from: first, through: committable, upTo: room)
        handedIndex = last
        return log.copy(from: first, through: last)
    }
}
