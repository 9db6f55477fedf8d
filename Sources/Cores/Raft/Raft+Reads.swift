// Linearizable reads (Raft, section 8; dissertation, section 6.4).
extension Raft {
    /// Asks for a read: answered in `Ready.reads`, or in `Ready.refusedReads`.
    ///
    /// - Throws: `noLeader`; `busy` with `maximumPendingReads` under way.
    public mutating func read(_ id: ReadID, mode: ReadMode = .quorum) throws(Refusal) {
        guard reads.count < options.maximumPendingReads else {
            throw Refusal(.busy, "\(reads.count) reads are under way", leader: leader)
        }
        guard leader != nil else { throw Refusal(.noLeader, "nobody is known to lead in term \(term)") }
        guard role == .leader else { return reads.forward(id) }
        if mode == .lease, hasLease {
            readyReads.append(Ready.Read(id: id, index: commitIndex))
        } else {
            reads.wait(.here(id))
        }
    }

    /// Before it has committed in its term a leader may not know what its predecessors committed (Raft, section 8).
    var hasCommittedInTerm: Bool { role == .leader && commitIndex >= firstIndexOfTerm }

    /// No other node can have won an election since: a majority heard from this one less than `electionTicks` ago and has
    /// promised not to vote for that long. Offering leadership to another releases them.
    var hasLease: Bool {
        guard hasCommittedInTerm, options.checkQuorum, !reads.isLeaseForfeited, let since = reads.confirmedTick
        else { return false }
        return ticks - since + UInt64(options.leaseMarginTicks) < UInt64(options.electionTicks)
    }

    /// The reads that came since the last round begin one of their own; a later reader can't use an earlier round.
    mutating func startReadRound() {
        if areReadsWaitingForRound { heartbeat() }
    }

    var areReadsWaitingForRound: Bool { hasCommittedInTerm && !reads.waiting.isEmpty }

    /// A majority answered: this was the leader when the round began, and `index` was all that was committed.
    mutating func roundsAnswered() {
        let own = reads.round
        let round = Quorum.agreed(peers) { $0.id == id ? own : $0.answeredRound }
        let window = UInt64(options.electionTicks)
        let done = reads.confirmed(through: min(round, own), oldest: ticks > window ? ticks - window : 0)
        for round in done {
            for read in round.reads { answer(read, index: round.index) }
        }
    }

    private mutating func answer(_ read: ReadQueue.Origin, index: LogIndex?) {
        switch read {
        case .here(let id):
            if let index { readyReads.append(Ready.Read(id: id, index: index)) } else { refusedReads.append(id) }
        case .follower(let follower, let ticket): send(.readAnswer(id: ticket, index: index), to: follower)
        }
    }

    /// Leadership changed or is lost.
    mutating func abandonReads() {
        for read in reads.abandon() { answer(read, index: nil) }
    }

    // MARK: Followers' reads

    mutating func takeReadRequest(from follower: NodeID, ticket: ReadID) {
        guard role == .leader, reads.count < options.maximumPendingReads else {
            return send(.readAnswer(id: ticket, index: nil), to: follower)
        }
        reads.wait(.follower(follower, ticket: ticket))
    }

    mutating func readAnswered(ticket: ReadID, index: LogIndex?) {
        for id in reads.answered(ticket) { answer(.here(id), index: index) }
    }

    mutating func forwardReads() {
        guard role == .follower, let leader, !reads.unsent.isEmpty else { return }
        send(.readRequest(id: reads.sendUnsent(tick: ticks)), to: leader)
    }

    /// The question or the answer is lost.
    mutating func expireForwardedReads() {
        let window = UInt64(options.electionTicks)
        guard ticks > window else { return }
        refusedReads += reads.expire(before: ticks - window)
    }
}
