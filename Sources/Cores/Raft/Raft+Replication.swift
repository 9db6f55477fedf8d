public import ApusPrimitives

// The leader's side of the log (Raft, section 5.3 and 5.4.2).
extension Raft {
    /// Proposes commands: appended together at a leader, sent on elsewhere.
    ///
    /// - Throws: `noLeader`; `transferring`; `busy` when uncommitted or log bytes are at their bound, and at a follower until
    ///   the term is on its disk; `storage` when the disk has no room; `invalid` for no commands.
    public mutating func propose(_ commands: [Bytes]) throws(Refusal) -> Proposed {
        guard !commands.isEmpty else { throw Refusal(.invalid, "no commands to propose") }
        guard role == .leader else { return try forward(commands) }
        let bytes = commands.reduce(0) { $0 + $1.count + Entry.overhead }
        try checkRoom(for: bytes)
        let first = log.lastIndex.next
        appendAsLeader(commands.map { .command($0) })
        return .appended(term: term, first: first)
    }

    private mutating func forward(_ commands: [Bytes]) throws(Refusal) -> Proposed {
        guard let leader else { throw Refusal(.noLeader, "nobody is known to lead in term \(term)") }
        // It would wait in memory, and what waits there is bounded by number and not by bytes.
        guard isVoteDurable else { throw Refusal(.busy, "term \(term) is not on disk yet", leader: leader) }
        send(.proposal(commands), to: leader)
        return .forwarded(to: leader)
    }

    mutating func takeForwarded(_ commands: [Bytes]) {
        guard role == .leader else { return }
        // Nobody waits for an answer: a refused proposal is a lost one.
        _ = try? propose(commands)
    }

    func checkRoom(for bytes: Int) throws(Refusal) {
        if let transferTarget {
            throw Refusal(.transferring, "leadership goes to node \(transferTarget)", leader: id)
        }
        guard isWritable else { throw Refusal(.storage, "the disk has no room", leader: id) }
        let uncommitted = uncommittedBytes
        guard uncommitted == 0 || uncommitted + bytes <= options.maximumUncommittedBytes else {
            throw Refusal(
                .busy, "\(uncommitted) bytes wait to be committed, of \(options.maximumUncommittedBytes)", leader: id)
        }
        guard log.bytes == 0 || log.bytes + bytes <= options.maximumLogBytes else {
            throw Refusal(
                .busy, "the log has \(log.bytes) bytes of \(options.maximumLogBytes), and waits for a snapshot",
                leader: id)
        }
    }

    var uncommittedBytes: Int { log.bytes(after: commitIndex, through: log.lastIndex) }

    mutating func appendAsLeader(_ payloads: [Entry.Payload]) {
        var index = log.lastIndex
        log.append(
            payloads.map { payload in
                index = index.next
                return Entry(term: term, index: index, payload: payload)
            })
        isReplicationDue = true
    }

    // MARK: Sending

    /// One message for each follower that can take one, with all that was appended since the last.
    mutating func replicate() {
        guard isReplicationDue else { return }
        isReplicationDue = false
        guard role == .leader else { return }
        for place in peers.indices where peers[place].id != id { replicate(to: place) }
    }

    private mutating func replicate(to place: Int) {
        switch peers[place].state {
        case .snapshot: break
        case .probe:
            if !peers[place].isProbeSent { peers[place].isProbeSent = sendAppend(to: place) }
        case .replicate:
            while peers[place].nextIndex <= log.lastIndex, !peers[place].isWindowFull(options) {
                guard sendAppend(to: place) else { return }
            }
            // Nothing more to send, but it may commit what it has.
            if peers[place].sentCommit < commitIndex { sendAppend(to: place, isEmpty: true) }
        }
    }

    /// An append from `nextIndex` on; false when the log no longer has what comes before, and a snapshot is sent instead.
    @discardableResult
    private mutating func sendAppend(to place: Int, isEmpty: Bool = false) -> Bool {
        let next = peers[place].nextIndex
        let previous = next.previous
        guard let previousTerm = log.term(at: previous) else {
            startSnapshot(to: place)
            return false
        }
        var entries: [Entry] = []
        if !isEmpty, next <= log.lastIndex {
            let last = log.last(from: next, through: log.lastIndex, upTo: options.maximumMessageBytes)
            entries = log.slice(from: next, through: last)
            if peers[place].isReplicating {
                peers[place].sent(through: last, bytes: log.bytes(after: previous, through: last))
            } else {
                peers[place].probedIndex = last
            }
        }
        peers[place].sentCommit = max(peers[place].sentCommit, commitIndex)
        send(
            .append(
                previousIndex: previous, previousTerm: previousTerm, entries: entries, commitIndex: commitIndex),
            to: peers[place].id)
        return true
    }

    /// A round of heartbeats. It tells nobody to commit more than that one is known to have.
    mutating func heartbeat() {
        let round = reads.startRound(tick: ticks, index: hasCommittedInTerm ? commitIndex : nil)
        for peer in peers where peer.id != id {
            send(.heartbeat(commitIndex: min(commitIndex, peer.matchIndex), round: round), to: peer.id)
        }
        roundsAnswered()
    }

    // MARK: Answers

    mutating func appendAccepted(by follower: NodeID, lastIndex: LogIndex) {
        guard role == .leader, let place = place(of: follower), lastIndex <= log.lastIndex else { return }
        peers[place].isRecentlyActive = true
        let isNews = lastIndex > peers[place].matchIndex
        peers[place].accepted(lastIndex)
        switch peers[place].state {
        case .probe: peers[place].replicate()
        case .replicate: break
        case .snapshot: if peers[place].matchIndex >= log.compactedIndex { peers[place].replicate() }
        }
        isReplicationDue = true
        guard isNews else { return }
        advanceCommit()
        finishTransferIfReady()
    }

    /// The follower's log cannot match beyond the hint: skip what cannot either in this one (Raft, end of section 5.3).
    mutating func appendRejected(by follower: NodeID, rejectedIndex: LogIndex, hintIndex: LogIndex, hintTerm: Term) {
        guard role == .leader, let place = place(of: follower) else { return }
        peers[place].isRecentlyActive = true
        switch peers[place].state {
        case .snapshot: return
        // An answer to an earlier append than the last.
        case .probe: guard peers[place].nextIndex.previous == rejectedIndex else { return }
        case .replicate: guard rejectedIndex > peers[place].matchIndex else { return }
        }
        let meeting = log.lastPlace(upTo: min(hintIndex, rejectedIndex.previous), notAfter: hintTerm)
        peers[place].probe(from: meeting.next)
        isReplicationDue = true
    }

    mutating func heartbeatAnswered(by follower: NodeID, round: UInt64) {
        guard role == .leader, let place = place(of: follower), round <= reads.round else { return }
        peers[place].isRecentlyActive = true
        peers[place].answeredRound = max(peers[place].answeredRound, round)
        nudge(place)
        roundsAnswered()
    }

    /// It is there: what was sent to it and is not answered may be lost. An append without entries finds out.
    private mutating func nudge(_ place: Int) {
        let match = peers[place].matchIndex
        let isStuck = peers[place].matchAtHeartbeat == match
        peers[place].matchAtHeartbeat = match
        if isStuck || !peers[place].isReplicating { askAgain(place) }
    }

    /// Sends something that is answered, unless all is answered.
    mutating func askAgain(_ place: Int) {
        switch peers[place].state {
        case .snapshot: break
        case .probe:
            peers[place].isProbeSent = false
            isReplicationDue = true
        case .replicate:
            if peers[place].nextIndex > peers[place].matchIndex.next { sendAppend(to: place, isEmpty: true) }
        }
    }

    /// The transport lost its connection to `id`, and whatever was under way on it.
    public mutating func peerUnreachable(_ id: NodeID) {
        guard role == .leader, let place = place(of: id), peers[place].isReplicating else { return }
        peers[place].probe(from: .zero)
    }

    func place(of id: NodeID) -> Int? { peers.firstIndex { $0.id == id } }

    // MARK: Committing

    /// An entry of this term that a majority has on disk is committed, and with it all before it; entries of earlier terms
    /// never by counting (Raft, section 5.4.2 and figure 8).
    mutating func advanceCommit() {
        guard role == .leader else { return }
        let agreed = LogIndex(Quorum.agreed(peers) { $0.matchIndex.rawValue })
        guard agreed > commitIndex, agreed <= log.lastIndex, log.term(at: agreed) == term else { return }
        commitIndex = agreed
        isReplicationDue = true
        configurationMayBeCommitted()
    }

    /// What this node has on disk counts as anybody else's.
    mutating func ownEntriesPersisted() {
        guard role == .leader, let place = place(of: id) else { return }
        let match = min(writes.durableIndex, log.lastIndex)
        guard match > peers[place].matchIndex else { return }
        peers[place].accepted(match)
        advanceCommit()
    }
}
