import ApusPrimitives
import ApusRaft
import Testing

/// The rules of section 8 of the paper and of the dissertation's chapters 3, 6, 9 and 10: reads, leadership transfer,
/// pre-vote, check-quorum, slow disks; and the bounds on memory.
@Suite struct DissertationTests {
    // MARK: Reads (paper, section 8; dissertation, section 6.4)

    /// "Each leader commits a blank no-op entry into the log at the start of its term."
    @Test func aLeaderCommitsANoOp() {
        let node = TestNode.leader(log: [1])
        #expect(node.raft.entries(from: LogIndex(2)).map(\.payload) == [.empty])
    }

    /// "If the leader has not yet marked an entry from its current term committed, it waits until it has done so."
    @Test func aReadWaitsForTheTermsFirstCommit() throws {
        var node = TestNode.leader(log: [1])
        try node.run { try $0.read(ReadID(1)) }
        node.tick(1)
        let early = node.raft.status.pendingReads
        node.hear(from: 2, .heartbeatAnswer(round: 1))
        #expect(early == 1)
        #expect(node.reads == [])
        node.accept(2, from: 2)
        node.answerHeartbeats(from: 2)
        #expect(node.reads == [Ready.Read(id: ReadID(1), index: LogIndex(2))])
    }

    /// "A leader must check whether it has been deposed before processing a read-only request …: it exchanges heartbeat
    /// messages with a majority of the cluster": after the request, not before.
    @Test func aReadNeedsARoundOfItsOwn() throws {
        var node = TestNode.leader(of: 5)
        node.accept(1, from: 2, 3)
        node.tick(1)
        let earlier = node.takeOutbox()
        try node.run { try $0.read(ReadID(1)) }
        for message in earlier {
            if case .heartbeat(_, let round) = message.body {
                node.hear(from: message.to.rawValue, .heartbeatAnswer(round: round))
            }
        }
        #expect(node.reads == [])
        guard case .heartbeat(_, let round)? = node.takeOutbox().first?.body else { throw Missing() }
        node.hear(from: 2, .heartbeatAnswer(round: round))
        node.hear(from: 2, .heartbeatAnswer(round: round))
        #expect(node.reads == [])
        node.hear(from: 3, .heartbeatAnswer(round: round))
        #expect(node.reads.map(\.id) == [ReadID(1)])
    }

    @Test func aDeposedLeaderRefusesItsReads() throws {
        var node = TestNode.leader()
        node.accept(1, from: 2)
        try node.run { try $0.read(ReadID(1)) }
        node.hear(from: 3, term: 9, .heartbeat(commitIndex: .zero, round: 1))
        #expect(node.reads == [])
        #expect(node.refusedReads == [ReadID(1)])
    }

    @Test func aFollowersReadIsTheLeadersAndIsRefusedWithoutOne() throws {
        var node = TestNode.member()
        #expect(refusal { try node.run { try $0.read(ReadID(1)) } } == .noLeader)
        node.hear(from: 2, term: 1, .heartbeat(commitIndex: .zero, round: 1))
        node.takeOutbox()
        try node.run { try $0.read(ReadID(1)) }
        guard case .readRequest(let ticket)? = node.takeOutbox().first?.body else { throw Missing() }
        node.hear(from: 2, .readAnswer(id: ReadID(ticket.rawValue &+ 1), index: LogIndex(3)))
        #expect(node.reads == [])
        node.hear(from: 2, .readAnswer(id: ticket, index: LogIndex(4)))
        node.hear(from: 2, .readAnswer(id: ticket, index: LogIndex(5)))
        #expect(node.reads == [Ready.Read(id: ReadID(1), index: LogIndex(4))])
        try node.run { try $0.read(ReadID(2)) }
        node.hear(from: 3, term: 2, .heartbeat(commitIndex: .zero, round: 1))
        #expect(node.refusedReads == [ReadID(2)])
        try node.run { try $0.read(ReadID(3)) }
        node.tick(9)
        #expect(node.refusedReads == [ReadID(2)])
        for _ in 0..<5 {
            node.tick(1)
            node.hear(from: 3, .heartbeat(commitIndex: .zero, round: 1))
        }
        #expect(node.refusedReads == [ReadID(2), ReadID(3)], "an answer that is lost")
    }

    /// An answer from before a restart fits no question after it.
    @Test func ticketsAreNotRepeatedAfterARestart() throws {
        var tickets: [ReadID] = []
        for seed in 0..<2 as Range<UInt64> {
            var node = TestNode(NodeID(1), .bootstrap(Configuration(1, 2)), options: .plain, seed: seed)
            node.hear(from: 2, term: 1, .heartbeat(commitIndex: .zero, round: 1))
            try node.run { try $0.read(ReadID(1)) }
            for message in node.takeOutbox() { if case .readRequest(let id) = message.body { tickets.append(id) } }
        }
        #expect(Set(tickets).count == 2)
    }

    // MARK: Leases (section 6.4.1)

    /// "The leader extends its lease once a majority acknowledged": from when the round began, less than an election timeout.
    @Test func aLeaseReadNeedsNoRoundWhileTheLeaseLasts() throws {
        var node = TestNode.leader(options: .votingAtOnce)
        node.accept(1, from: 2)
        #expect(try !node.readsAtOnce(1), "before any round")
        node.tick(1)
        node.answerHeartbeats(from: 2)
        #expect(try node.readsAtOnce(2))
        for id in 3...8 as ClosedRange<UInt64> {
            node.tick(1)
            #expect(try node.readsAtOnce(id))
        }
        node.tick(1)
        #expect(try !node.readsAtOnce(9), "ten ticks less the margin of three")
    }

    @Test func withoutCheckQuorumThereIsNoLease() throws {
        var node = TestNode.leader()
        node.accept(1, from: 2)
        node.tick(1)
        node.answerHeartbeats(from: 2)
        #expect(try !node.readsAtOnce(1))
    }

    /// The target is voted for in spite of the lease, and perhaps late.
    @Test func afterATransferBeganThereIsNoLeaseInThisTerm() throws {
        var node = TestNode.leader(options: .votingAtOnce)
        node.accept(1, from: 2)
        node.tick(1)
        node.answerHeartbeats(from: 2, 3)
        try node.run { try $0.transferLeadership(to: NodeID(2)) }
        #expect(try !node.readsAtOnce(1))
        for _ in 0..<10 {
            node.tick(1)
            node.answerHeartbeats(from: 2, 3)
        }
        #expect(node.raft.status.transferTarget == nil)
        #expect(try !node.readsAtOnce(2))
    }

    // MARK: Transfer (section 3.10)

    /// "The prior leader stops accepting new client requests. The prior leader fully updates the target server's log to
    /// match its own … sends a TimeoutNow request to the target server."
    @Test func theTargetIsBroughtUpToDateBeforeItTakesOver() throws {
        var node = TestNode.leader()
        node.accept(1, from: 2, 3)
        try node.run { try $0.propose("x") }
        try node.run { try $0.transferLeadership(to: NodeID(3)) }
        #expect(refusal { try node.run { try $0.propose("y") } } == .transferring)
        #expect(!node.takeOutbox().contains { $0.body == .timeoutNow })
        node.accept(2, from: 2)
        #expect(!node.takeOutbox().contains { $0.body == .timeoutNow })
        node.accept(2, from: 3)
        #expect(node.takeOutbox().contains { $0.body == .timeoutNow && $0.to == NodeID(3) })
    }

    /// "If leadership transfer does not complete after about an election timeout, the prior leader aborts the transfer and
    /// resumes accepting client requests."
    @Test func aTransferThatFailsIsGivenUp() throws {
        var node = TestNode.leader()
        node.accept(1, from: 2, 3)
        try node.run { try $0.transferLeadership(to: NodeID(3)) }
        node.tick(9)
        #expect(refusal { try node.run { try $0.propose("y") } } == .transferring)
        node.tick(1)
        try node.run { try $0.propose("y") }
    }

    @Test func onlyAnotherVoterCanTakeOver() throws {
        var node = TestNode.leader()
        node.accept(1, from: 2)
        try node.run { _ = try $0.propose(ConfigurationChange([.addLearner(NodeID(4))])) }
        for target in [1, 4, 9] as [UInt64] {
            #expect(refusal { try node.run { try $0.transferLeadership(to: NodeID(target)) } } == .invalid)
        }
        var follower = TestNode.member()
        #expect(refusal { try follower.run { try $0.transferLeadership(to: NodeID(3)) } } == .notLeader)
    }

    /// "The target starts an election …: servers vote though they hear from the leader" (section 4.2.3).
    @Test func theTargetCampaignsAtOnceAndIsVotedFor() {
        var node = TestNode.member(log: [1], options: RaftOptions())
        #expect(
            node.answers(to: 2, .timeoutNow).allSatisfy {
                $0 == .voteRequest(lastIndex: LogIndex(1), lastTerm: Term(1), isTransfer: true)
            })
        #expect(node.role == .candidate)
        var voter = TestNode.member(2, log: [1], options: RaftOptions())
        voter.hear(from: 3, .heartbeat(commitIndex: .zero, round: 1))
        let request = Message.Body.voteRequest(lastIndex: LogIndex(1), lastTerm: Term(1), isTransfer: true)
        #expect(voter.answers(to: 1, term: 2, request) == [.vote(granted: true)])
    }

    // MARK: Pre-vote (section 9.6) and check-quorum (section 6.2)

    /// "A candidate would only increment its term if it first learned from a majority of the cluster that they would be
    /// willing to grant the candidate their votes."
    @Test func aTermBeginsOnlyWhenAMajorityWouldVote() {
        var node = TestNode.member(log: [1], options: RaftOptions())
        node.tick(60)
        #expect(node.role == .preCandidate)
        #expect(node.term == 1)
        #expect(node.disk.hardState.term == Term(1))
        node.hear(from: 2, term: 2, .preVote(granted: true))
        #expect(node.role == .candidate)
        #expect(node.term == 2)
    }

    /// "(if the candidate's log was sufficiently up-to-date, and the voters had not received heartbeats from a valid leader
    /// for at least a baseline election timeout)."
    @Test func aPreVoteNeedsAGoodLogAndNoLeader() {
        var node = TestNode.member(log: [1, 1], options: RaftOptions())
        node.tick(10)
        let request = Message.Body.preVoteRequest(lastIndex: LogIndex(2), lastTerm: Term(1))
        let worse = Message.Body.preVoteRequest(lastIndex: LogIndex(1), lastTerm: Term(1))
        #expect(node.answers(to: 2, term: 5, worse) == [.preVote(granted: false)])
        #expect(node.answers(to: 2, term: 5, request) == [.preVote(granted: true)])
        #expect(node.answers(to: 3, term: 5, request) == [.preVote(granted: true)], "it promises nothing")
        #expect(node.term == 1)
        node.hear(from: 3, .heartbeat(commitIndex: .zero, round: 1))
        #expect(node.answers(to: 2, term: 5, request) == [.preVote(granted: false)])
    }

    /// Who comes back after a partition neither disturbs the leader nor stays outside.
    @Test func whoWasCutOffDoesNotDisturb() {
        var cluster = TestCluster(3)
        cluster.elect(1)
        cluster.isLost = { $0.to == NodeID(3) || $0.from == NodeID(3) }
        cluster.tick(100)
        cluster.isLost = { _ in false }
        cluster.tick(30)
        #expect(cluster.leader == 1)
        #expect(cluster[1].term == 1)
        #expect(cluster[3].raft.standing.leader == NodeID(1))
    }

    /// "A leader steps down if an election timeout elapses without a successful round of heartbeats to a majority."
    @Test(arguments: [true, false]) func aLeaderWithoutAMajorityStepsDown(hearsOne: Bool) {
        var node = TestNode.leader(options: .votingAtOnce)
        for _ in 0..<30 {
            node.tick(1)
            if hearsOne { node.answerHeartbeats(from: 2) }
        }
        #expect((node.role == .leader) == hearsOne)
    }

    /// What a leader still had to send is nobody's business when it leads no more.
    @Test func whoStepsDownHasNothingLeftToSend() throws {
        var raft = TestNode.leader().raft
        _ = try raft.propose([Bytes("x")])
        raft.step(
            Message(from: NodeID(2), to: NodeID(1), term: Term(9), body: .heartbeat(commitIndex: .zero, round: 1)))
        let write = raft.takeReady().write
        raft.persisted(through: write?.sequence ?? 0)
        while raft.hasReady, !raft.takeReady().messages.isEmpty {}
        #expect(!raft.hasReady)
    }

    // MARK: Disks (section 10.2.1, and beyond)

    @Test func aLeaderWhoseDiskHangsStepsDownAndLetsAnotherLead() throws {
        var node = TestNode.leader()
        node.accept(1, from: 2, 3)
        node.isDiskSlow = true
        try node.run { try $0.propose("x") }
        node.accept(2, from: 3)
        node.takeOutbox()
        node.tick(10)
        #expect(node.role == .follower)
        #expect(node.takeOutbox().contains { $0.body == .timeoutNow && $0.to == NodeID(3) })
        node.tick(60)
        #expect(node.term == 1, "nor does it campaign")
        node.persist()
        node.tick(30)
        #expect(node.term > 1)
    }

    @Test func withoutRoomALeaderRefusesProposalsServesReadsAndHandsOver() throws {
        var node = TestNode.leader()
        node.accept(1, from: 2, 3)
        node.run { $0.storageBecame(writable: false) }
        #expect(node.takeOutbox().contains { $0.body == .timeoutNow })
        node.tick(10)
        #expect(refusal { try node.run { try $0.propose("x") } } != nil)
        try node.run { try $0.read(ReadID(1)) }
        node.answerHeartbeats(from: 2)
        #expect(node.reads.map(\.id) == [ReadID(1)])
        node.run { $0.storageBecame(writable: true) }
        node.tick(10)
        try node.run { try $0.propose("x") }
    }

    @Test func withoutRoomAFollowerTakesNothingAndComesBack() throws {
        var cluster = TestCluster(3)
        cluster.elect(1)
        cluster.run(3) { $0.storageBecame(writable: false) }
        try cluster.run(1) { try $0.propose("x") }
        cluster.tick(5)
        #expect(cluster[1].commands == ["x"])
        #expect(cluster[3].raft.lastIndex == LogIndex(1))
        cluster.run(3) { $0.storageBecame(writable: true) }
        cluster.tick(3)
        #expect(cluster[3].commands == ["x"])
    }
}

private struct Missing: Error {}

extension TestNode {
    /// Answers the heartbeats that wait in the outbox.
    mutating func answerHeartbeats(from followers: UInt64...) {
        for message in takeOutbox() where followers.contains(message.to.rawValue) {
            if case .heartbeat(_, let round) = message.body {
                hear(from: message.to.rawValue, .heartbeatAnswer(round: round))
            }
        }
    }

    /// Whether a lease read is answered without anybody else.
    mutating func readsAtOnce(_ id: UInt64) throws -> Bool {
        try run { try $0.read(ReadID(id), mode: .lease) }
        return reads.contains { $0.id == ReadID(id) }
    }
}
