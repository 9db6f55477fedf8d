import ApusPrimitives
import DequeModule

// Elections (Raft, section 5.2 and 5.4.1; pre-vote and check-quorum: dissertation, sections 9.6, 6.2 and 4.2.3).
extension Raft {
    /// Begins to campaign now, without waiting for the timeout. Nothing happens at a leader, at a node that may not vote or
    /// whose disk does not answer, and, with `checkQuorum`, while this node hears from a leader: it has promised that one
    /// not to vote, for itself neither.
    public mutating func campaign() {
        guard role != .leader, isPromotable, !isLoyal else { return }
        if options.preVote { startPreVote() } else { startElection(isTransfer: false) }
    }

    /// The leader asked for it: no pre-vote, and others vote though they hear from that leader (dissertation, section 3.10).
    mutating func campaignForTransfer() {
        guard role == .follower, isPromotable else { return }
        // The leader that asked has no lease any more.
        ticksSinceLeader = options.electionTicks
        startElection(isTransfer: true)
    }

    /// Learners, and who is not a member, do not campaign; a node that cannot write would lead nobody anywhere.
    var isPromotable: Bool { isNeededAsVoter && !isDiskStalled && isWritable }

    /// A voter that the last configuration removes may be needed until that is committed: it may be the only one that has
    /// it. Its own vote does not count (dissertation, section 4.2.2).
    private var isNeededAsVoter: Bool {
        let place = log.configurationIndex
        return configuration.isVoter(id)
            || place > commitIndex && log.configuration(at: place.previous).isVoter(id)
    }

    /// Whether this node hears from a leader, or leads, and so votes for nobody (dissertation, section 4.2.3).
    var isLoyal: Bool { options.checkQuorum && hearsLeader }

    var hearsLeader: Bool { role == .leader || ticksSinceLeader < options.electionTicks }

    /// Timeouts are spread at random, so that votes are seldom split (Raft, section 5.2).
    mutating func drawElectionTimeout() {
        electionElapsed = 0
        electionTimeout = options.electionTicks + Int.random(in: 0..<options.electionTicks, using: &random)
    }

    // MARK: Becoming

    /// Follows `leader`, or nobody yet, in `newTerm`, which is this node's or a later one.
    mutating func becomeFollower(in newTerm: Term, leader newLeader: NodeID?) {
        if newTerm > term { enter(newTerm) }
        abandonReads()
        if role == .leader {
            peers = []
            transferTarget = nil
            chunkRequests = []
            needsSnapshot = false
            // It heard from itself until now; others may campaign at once.
            ticksSinceLeader = options.electionTicks
        }
        role = .follower
        leader = newLeader
        votes = []
        drawElectionTimeout()
    }

    private mutating func enter(_ newTerm: Term) {
        term = newTerm
        votedFor = nil
        isVoteUnwritten = true
        matchedIndex = .zero
        acknowledgedIndex = .zero
        isAnswerOwed = false
        heldMessages = []
    }

    private mutating func startPreVote() {
        abandonReads()
        role = .preCandidate
        leader = nil
        votes = []
        drawElectionTimeout()
        for voter in otherVoters {
            send(.preVoteRequest(lastIndex: log.lastIndex, lastTerm: log.lastTerm), to: voter, in: term.next)
        }
        countPreVote(from: id, for: term.next, isGranted: true)
    }

    private mutating func startElection(isTransfer: Bool) {
        abandonReads()
        enter(term.next)
        votedFor = id
        role = .candidate
        leader = nil
        votes = []
        drawElectionTimeout()
        for voter in otherVoters {
            send(
                .voteRequest(lastIndex: log.lastIndex, lastTerm: log.lastTerm, isTransfer: isTransfer), to: voter)
        }
        // Its own vote counts when the disk has it: `votePersisted()`.
    }

    private var otherVoters: [NodeID] {
        configuration.members.filter { $0 != id && configuration.isVoter($0) }
    }

    private mutating func becomeLeader() {
        role = .leader
        leader = id
        votes = []
        heartbeatElapsed = 0
        electionElapsed = 0
        ticksSinceLeader = 0
        transferTarget = nil
        reads.startLeading()
        peers = []
        firstIndexOfTerm = log.lastIndex.next
        rebuildPeers()
        // It learns what is committed by committing an entry of its own (Raft, section 8). The first of a cluster's log is
        // the configuration: from then on no log and no snapshot, also of those who join later, is without one.
        let isFirst = log.lastIndex == .zero
        appendAsLeader([isFirst ? .configuration(configuration, context: .empty) : .empty])
    }

    // MARK: Votes

    /// Figure 2, RequestVote: one vote a term, first come first served, and only for a log that has all that is committed.
    mutating func answerVote(from candidate: NodeID, lastIndex: LogIndex, lastTerm: Term, isTransfer: Bool) {
        let isFree = votedFor == nil && leader == nil || votedFor == candidate
        let granted = isFree && isUpToDate(lastIndex: lastIndex, lastTerm: lastTerm) && (isTransfer || !isLoyal)
        if granted {
            if votedFor != candidate { isVoteUnwritten = true }
            votedFor = candidate
            electionElapsed = 0
            // The leader that asked for the transfer has no lease any more.
            if isTransfer { ticksSinceLeader = options.electionTicks }
        }
        send(.vote(granted: granted), to: candidate)
    }

    /// "Would you vote for me?": the answer promises nothing and changes nothing (dissertation, section 9.6).
    mutating func answerPreVote(_ message: Message, lastIndex: LogIndex, lastTerm: Term) {
        let granted =
            message.term > term && lastTerm < message.term && !hearsLeader
            && isUpToDate(lastIndex: lastIndex, lastTerm: lastTerm)
        send(.preVote(granted: granted), to: message.from, in: granted ? message.term : term)
    }

    /// Raft, end of section 5.4.1.
    private func isUpToDate(lastIndex: LogIndex, lastTerm: Term) -> Bool {
        (lastTerm, lastIndex) >= (log.lastTerm, log.lastIndex)
    }

    mutating func countPreVote(from voter: NodeID, for asked: Term, isGranted: Bool) {
        guard role == .preCandidate, asked == term.next else { return }
        switch count(isGranted, from: voter) {
        case .won: startElection(isTransfer: false)
        case .lost: becomeFollower(in: term, leader: nil)
        case .pending: break
        }
    }

    mutating func countVote(from voter: NodeID, isGranted: Bool) {
        guard role == .candidate else { return }
        switch count(isGranted, from: voter) {
        // Not before its own vote is on disk: it might come back without it, win the same term again and fill the same
        // places with other entries.
        case .won: if isVoteDurable { becomeLeader() }
        case .lost: becomeFollower(in: term, leader: nil)
        case .pending: break
        }
    }

    /// The term and the vote are on disk.
    mutating func votePersisted() {
        if role == .candidate, votedFor == id { countVote(from: id, isGranted: true) }
    }

    private mutating func count(_ isGranted: Bool, from voter: NodeID) -> Quorum.Verdict {
        // Whoever is not in the configuration has no voice, and nobody has two.
        if configuration.isVoter(voter), !votes.contains(where: { $0.voter == voter }) {
            votes.append((voter, isGranted))
        }
        return Quorum.verdict(of: configuration) { voter in votes.first { $0.voter == voter }?.isGranted }
    }
}
