// The follower's side of the log (Raft, section 5.3).
extension Raft {
    /// A message of this term from who must be its leader. False when that cannot be.
    mutating func hear(from sender: NodeID) -> Bool {
        guard role != .leader, leader == nil || leader == sender else { return false }
        if role != .follower || leader == nil { becomeFollower(in: term, leader: sender) }
        electionElapsed = 0
        ticksSinceLeader = 0
        return true
    }

    /// Figure 2, AppendEntries.
    mutating func takeAppend(
        from sender: NodeID, previousIndex: LogIndex, previousTerm: Term, entries: [Entry], leaderCommit: LogIndex
    ) {
        let last = previousIndex + entries.count
        if previousIndex >= commitIndex {
            guard log.term(at: previousIndex) == previousTerm else {
                return reject(previousIndex, previousTerm, to: sender)
            }
        }
        // Up to the commit index the logs agree without looking: every leader has what is committed.
        let conflict = firstUnknown(of: entries)
        if let conflict {
            guard hasRoom else { return }
            if entries[conflict].index <= log.lastIndex { truncate(from: entries[conflict].index) }
            log.append(conflict == 0 ? entries : Array(entries[conflict...]))
        }
        matchedIndex = max(matchedIndex, last, min(commitIndex, log.lastIndex))
        isAnswerOwed = true
        commit(through: min(leaderCommit, last))
    }

    /// The first entry after the commit index that this log does not have, or has otherwise.
    private func firstUnknown(of entries: [Entry]) -> Int? {
        guard let first = entries.first, let last = entries.last, last.index > commitIndex else { return nil }
        if first.index > log.lastIndex { return 0 }
        var place = max(0, commitIndex.next - first.index)
        while place < entries.count {
            if log.term(at: entries[place].index) != entries[place].term { return place }
            place += 1
        }
        return nil
    }

    /// A node without room says nothing, so that the leader asks now and then. What holds up a log that is too large is the
    /// state machine or its snapshots: with them it becomes shorter.
    private var hasRoom: Bool {
        isWritable && (log.bytes < options.maximumLogBytes || commitIndex == log.compactedIndex)
    }

    private mutating func truncate(from index: LogIndex) {
        log.truncate(from: index)
        writes.truncated(from: index)
    }

    private mutating func reject(_ previousIndex: LogIndex, _ previousTerm: Term, to sender: NodeID) {
        let hint = max(commitIndex, log.lastPlace(upTo: previousIndex, notAfter: previousTerm))
        send(
            .appendRejected(
                rejectedIndex: previousIndex, hintIndex: hint, hintTerm: log.term(at: hint) ?? .zero), to: sender)
    }

    mutating func commit(through index: LogIndex) {
        commitIndex = max(commitIndex, min(index, log.lastIndex))
    }

    /// Says how much of the leader's log is on this disk, once for all appends since the last time; what is not on disk yet
    /// is said when it is.
    mutating func acknowledge() {
        guard let leader else { return }
        let durable = min(matchedIndex, writes.durableIndex)
        guard isAcknowledgementDue else { return }
        hasPersisted = false
        if durable == matchedIndex { isAnswerOwed = false }
        acknowledgedIndex = max(acknowledgedIndex, durable)
        send(.appendAccepted(lastIndex: durable), to: leader)
    }

    var isAcknowledgementDue: Bool {
        guard role == .follower, leader != nil, isVoteDurable else { return false }
        let durable = min(matchedIndex, writes.durableIndex)
        return hasPersisted && durable > acknowledgedIndex || isAnswerOwed && durable == matchedIndex
    }
}
