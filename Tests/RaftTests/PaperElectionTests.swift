import ApusPrimitives
import ApusRaft
import Testing

/// The sentences of the Raft paper (extended version) that state a rule: sections 5.1, 5.2 and 5.4.1.
@Suite struct PaperElectionTests {
    // MARK: 5.1

    /// "If one server's current term is smaller than the other's, then it updates its current term to the larger value."
    @Test(arguments: [Standing.Role.follower, .candidate, .leader])
    func aSmallerTermIsUpdatedToTheLarger(role: Standing.Role) {
        var node = Self.node(in: role)
        node.hear(from: 2, term: 9, .append(after: 0, 0))
        #expect(node.term == 9)
    }

    /// "If a candidate or leader discovers that its term is out of date, it immediately reverts to follower state."
    @Test(
        arguments: [Standing.Role.candidate, .leader], [Message.Body.vote(granted: false), .heartbeatAnswer(round: 0)])
    func whoseTermIsOutOfDateReverts(role: Standing.Role, news: Message.Body) {
        var node = Self.node(in: role)
        node.hear(from: 3, term: 9, news)
        #expect(node.role == .follower)
        #expect(node.raft.standing.leader == nil)
    }

    /// "If a server receives a request with a stale term number, it rejects the request."
    @Test(arguments: [Standing.Role.follower, .candidate, .leader]) func staleRequestsAreRejected(role: Standing.Role) {
        var node = Self.node(in: role)
        node.hear(from: 2, term: 9, .heartbeatAnswer(round: 0))
        let before = node.raft.hardState
        #expect(node.answers(to: 3, term: 8, .voteRequest(99, 7)) == [.vote(granted: false)])
        let answers = node.answers(to: 3, term: 8, .append(entries(8), after: 0, 0))
        #expect(answers == [.appendRejected(rejectedIndex: .zero, hintIndex: .zero, hintTerm: .zero)])
        #expect(node.answers(to: 3, term: 8, .heartbeat(commitIndex: .zero, round: 1)) == [.heartbeatAnswer(round: 0)])
        #expect(node.raft.hardState == before)
        #expect(node.raft.lastIndex.rawValue == (role == .leader ? 1 : 0))
    }

    // MARK: 5.2

    /// "When servers start up, they begin as followers."
    @Test func serversBeginAsFollowers() {
        let node = TestNode.member(log: [1, 2], term: 3)
        #expect(node.raft.standing == Standing(role: .follower, term: Term(3), leader: nil))
    }

    /// "A server remains in follower state as long as it receives valid RPCs from a leader or candidate."
    @Test func whoHearsFromTheLeaderStaysFollower() {
        var node = TestNode.member()
        for _ in 0..<100 {
            node.hear(from: 2, term: 1, .heartbeat(commitIndex: .zero, round: 1))
            node.tick(9)
        }
        #expect(node.role == .follower)
        #expect(node.term == 1)
    }

    /// The same for a vote that it gives.
    @Test func whoVotesWaitsForAnotherTimeout() {
        var node = TestNode.member()
        for term in 1...20 as ClosedRange<UInt64> {
            node.hear(from: 2, term: term, .voteRequest(0, 0))
            node.tick(9)
        }
        #expect(node.role == .follower)
    }

    /// "Leaders send periodic heartbeats to all followers in order to maintain their authority."
    @Test func leadersSendHeartbeatsToAll() {
        var options = RaftOptions.plain
        options.heartbeatTicks = 2
        var node = TestNode.leader(of: 5, options: options)
        node.tick(1)
        #expect(node.takeOutbox().isEmpty)
        node.tick(1)
        #expect(node.takeOutbox().map(\.to) == [2, 3, 4, 5].map { NodeID($0) })
    }

    /// "If a follower receives no communication over a period of time called the election timeout, … begins an election":
    /// "increments its current term and transitions to candidate state. It then votes for itself and issues RequestVote
    /// RPCs in parallel to each of the other servers."
    @Test func withoutCommunicationAFollowerCampaigns() {
        var node = TestNode.member(log: [1, 2])
        node.tick(19)
        #expect(node.role == .candidate)
        #expect(node.disk.hardState == HardState(term: Term(3), votedFor: NodeID(1)))
        let requests = node.takeOutbox()
        #expect(requests.map(\.to) == [NodeID(2), NodeID(3)])
        #expect(requests.allSatisfy { $0.body == .voteRequest(2, 2) && $0.term == Term(3) })
    }

    /// "A candidate wins an election if it receives votes from a majority of the servers in the full cluster for the same
    /// term."
    @Test(arguments: [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3)] as [(UInt64, UInt64)])
    func aMajorityWins(size: UInt64, others: UInt64) {
        var node = TestNode.member(of: size)
        node.run { $0.campaign() }
        for voter in 2..<(2 + others) {
            #expect(node.role == .candidate)
            // Once more says no more.
            node.hear(from: voter, .vote(granted: true))
            if voter < 1 + others { node.hear(from: voter, .vote(granted: true)) }
        }
        #expect(node.role == .leader)
    }

    @Test func votesOfAnotherTermOrOfStrangersDoNotCount() {
        var node = TestNode.member()
        node.run { $0.campaign() }
        node.hear(from: 9, .vote(granted: true))
        node.hear(from: 2, term: 0, .vote(granted: true))
        #expect(node.role == .candidate)
        node.hear(from: 2, .vote(granted: false))
        node.hear(from: 3, .vote(granted: false))
        #expect(node.role == .follower)
    }

    /// "Each server will vote for at most one candidate in a given term, on a first-come-first-served basis."
    @Test func oneVoteATermFirstComeFirstServed() {
        var node = TestNode.member()
        #expect(node.answers(to: 2, term: 1, .voteRequest(0, 0)) == [.vote(granted: true)])
        #expect(node.answers(to: 3, term: 1, .voteRequest(9, 0)) == [.vote(granted: false)])
        // The answer may have been lost.
        #expect(node.answers(to: 2, term: 1, .voteRequest(0, 0)) == [.vote(granted: true)])
        node.restart()
        #expect(node.answers(to: 3, term: 1, .voteRequest(9, 0)) == [.vote(granted: false)])
        #expect(node.answers(to: 3, term: 2, .voteRequest(9, 0)) == [.vote(granted: true)])
    }

    /// "Once a candidate wins an election, it becomes leader. It then sends heartbeat messages to all of the other
    /// servers": here they carry the first entry.
    @Test func whoWinsTellsAll() {
        var node = TestNode.member(of: 5)
        node.run { $0.campaign() }
        node.takeOutbox()
        node.hear(from: 2, .vote(granted: true))
        node.hear(from: 3, .vote(granted: true))
        let sent = node.takeOutbox()
        #expect(sent.map(\.to) == [2, 3, 4, 5].map { NodeID($0) })
        #expect(sent.allSatisfy { $0.body.isAppend })
    }

    /// "If the leader's term … is at least as large as the candidate's current term, then the candidate recognizes the
    /// leader as legitimate and returns to follower state. If the term in the RPC is smaller …, then the candidate rejects
    /// the RPC and continues in candidate state."
    @Test(arguments: [(1, false), (2, true), (3, true)] as [(UInt64, Bool)])
    func aCandidateRecognizesALeader(term: UInt64, isRecognized: Bool) {
        var node = TestNode.member(log: [1])
        node.run { $0.campaign() }
        let answers = node.answers(to: 2, term: term, .append(after: 1, 1))
        #expect((node.role == .follower) == isRecognized)
        #expect(node.raft.standing.leader == (isRecognized ? NodeID(2) : nil))
        let isRejected = answers.contains {
            if case .appendRejected = $0 { true } else { false }
        }
        #expect(isRejected != isRecognized)
    }

    /// "When this happens, each candidate will time out and start a new election by incrementing its term and initiating
    /// another round of RequestVote RPCs."
    @Test func aCandidateThatDoesNotWinTriesAgain() {
        var node = TestNode.member()
        node.run { $0.campaign() }
        node.takeOutbox()
        node.tick(19)
        #expect(node.term == 2)
        #expect(node.takeOutbox().allSatisfy { $0.body == .voteRequest(0, 0) && $0.term == Term(2) })
    }

    /// "Election timeouts are chosen randomly from a fixed interval."
    @Test func electionTimeoutsAreRandomWithinTheInterval() {
        var seen: Set<Int> = []
        for seed in 0..<300 as Range<UInt64> {
            var state = PersistentState.bootstrap(Configuration(1, 2, 3))
            state.hardState.term = Term(1)
            var node = TestNode(NodeID(1), state, options: .plain, seed: seed)
            var ticks = 0
            while node.role == .follower, ticks < 100 {
                node.tick(1)
                ticks += 1
            }
            seen.insert(ticks)
        }
        #expect(seen == Set(10..<20))
    }

    /// "Raft uses randomized election timeouts to ensure that split votes are rare and that they are resolved quickly."
    @Test func splitVotesAreRare() {
        var elections = 0
        for seed in 0..<40 as Range<UInt64> {
            var cluster = TestCluster(5, options: .plain, seed: seed)
            cluster.tick(40)
            #expect(cluster.leader != nil, "seed \(seed)")
            elections += Int(cluster[1].term)
        }
        #expect(elections < 80)
    }

    // MARK: 5.4.1

    /// "The voter denies its vote if its own log is more up-to-date than that of the candidate": "If the logs have last
    /// entries with different terms, then the log with the later term is more up-to-date. If the logs end with the same
    /// term, then whichever log is longer is more up-to-date."
    @Test(
        arguments: [
            ([1], 1, 1, true), ([1], 2, 1, true), ([1, 1], 1, 1, false), ([1], 1, 2, true), ([1, 1], 1, 2, true),
            ([2], 2, 1, false), ([1, 2], 3, 1, false), ([], 0, 0, true), ([1], 0, 0, false),
        ] as [([UInt64], UInt64, UInt64, Bool)])
    func theVoterDeniesWhoIsLessUpToDate(log: [UInt64], index: UInt64, term: UInt64, isGranted: Bool) {
        var node = TestNode.member(log: log)
        #expect(node.answers(to: 2, term: 3, .voteRequest(index, term)) == [.vote(granted: isGranted)])
        #expect(node.term == 3)
    }

    // MARK: Figure 2: "Updated on stable storage before responding to RPCs"

    @Test func aVoteIsGivenWhenItIsOnDisk() {
        var node = TestNode.member()
        node.isDiskSlow = true
        #expect(node.answers(to: 2, term: 1, .voteRequest(0, 0)) == [])
        #expect(node.pendingWrites.map(\.mustSync) == [true])
        node.persist()
        #expect(node.takeOutbox().map(\.body) == [.vote(granted: true)])
    }

    @Test func aVoteThatIsOvertakenByALaterTermIsNotGiven() {
        var node = TestNode.member()
        node.isDiskSlow = true
        node.hear(from: 2, term: 1, .voteRequest(0, 0))
        node.hear(from: 3, term: 2, .voteRequest(0, 0))
        node.persist()
        #expect(node.takeOutbox().map(\.to) == [NodeID(3)])
    }

    @Test func aCandidateAsksWhenItsOwnVoteIsOnDiskAndCountsItThen() {
        var node = TestNode.member(of: 5)
        node.isDiskSlow = true
        node.run { $0.campaign() }
        #expect(node.takeOutbox() == [])
        // Votes of an earlier life of this candidate: enough without its own.
        for voter in 2...4 as ClosedRange<UInt64> { node.hear(from: voter, .vote(granted: true)) }
        #expect(node.role == .candidate)
        node.persist()
        #expect(node.role == .leader)
    }

    @Test func aClusterOfOneLeadsWhenItsVoteIsOnDisk() {
        var node = TestNode.member(of: 1)
        node.isDiskSlow = true
        node.run { $0.campaign() }
        #expect(node.role == .candidate)
        node.persist()
        #expect(node.role == .leader)
        #expect(node.raft.commitIndex == .zero)
        node.persist()
        #expect(node.raft.commitIndex == LogIndex(1))
    }

    private static func node(in role: Standing.Role) -> TestNode {
        var node = role == .leader ? TestNode.leader() : TestNode.member()
        if role == .candidate { node.run { $0.campaign() } }
        node.takeOutbox()
        return node
    }
}
