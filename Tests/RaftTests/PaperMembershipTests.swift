import ApusPrimitives
import ApusRaft
import Testing

/// The rules of section 6 of the Raft paper and of chapter 4 of the dissertation: members and how they change.
@Suite struct PaperMembershipTests {
    private func change(_ steps: ConfigurationChange.Step..., leaving: ConfigurationChange.Leaving = .explicit)
        -> ConfigurationChange
    {
        ConfigurationChange(steps, leaving: leaving)
    }

    /// Node 1 leads 1, 2, 3, and all of that is committed.
    private func settledLeader() -> TestNode {
        var node = TestNode.leader()
        node.accept(1, from: 2, 3)
        node.takeOutbox()
        return node
    }

    /// On its way from 1, 2, 3 to 3, 4, 5; the joint configuration is entry 2.
    private func jointLeader() throws -> TestNode {
        var node = settledLeader()
        try node.run {
            _ = try $0.propose(
                change(.addVoter(NodeID(4)), .addVoter(NodeID(5)), .remove(NodeID(1)), .remove(NodeID(2))))
        }
        return node
    }

    /// "Once a given server adds the new configuration entry to its log, it uses that configuration for all future
    /// decisions (a server always uses the latest configuration in its log, regardless of whether the entry is committed)."
    @Test func theLatestConfigurationIsInForceAtOnce() throws {
        let node = try jointLeader()
        let joint = Configuration(
            voters: [3, 4, 5].map { NodeID($0) }, outgoingVoters: [1, 2, 3].map { NodeID($0) }, leaving: .explicit)
        #expect(node.raft.configuration == joint)
        #expect(node.raft.commitIndex == LogIndex(1))
        var follower = TestNode.member(2, log: [1])
        let entry = Entry(term: Term(1), index: LogIndex(2), payload: .configuration(joint, context: .empty))
        follower.hear(from: 1, .append([entry], after: 1, 1))
        #expect(follower.raft.configuration == joint)
        follower.hear(from: 3, term: 2, .append(entries([2], from: 2), after: 1, 1))
        #expect(follower.raft.configuration == Configuration(1, 2, 3), "rolled back with its entry")
    }

    /// "Log entries are replicated to all servers in both configurations."
    @Test func entriesGoToBothConfigurations() throws {
        var node = try jointLeader()
        for id in [2, 3, 4, 5] as [UInt64] { node.accept(2, from: id) }
        node.takeOutbox()
        try node.run { try $0.propose("x") }
        #expect(node.takeOutbox().map(\.to) == [2, 3, 4, 5].map { NodeID($0) })
    }

    /// "Agreement (for elections and entry commitment) requires separate majorities from both the old and new
    /// configurations."
    @Test(
        arguments: [([2, 3], false), ([4, 5], false), ([3, 4], true), ([2, 4, 5], true), ([2, 3, 4], true)]
            as [([UInt64], Bool)])
    func agreementNeedsBothMajorities(followers: [UInt64], isCommitted: Bool) throws {
        var node = try jointLeader()
        for id in followers { node.accept(2, from: id) }
        #expect(node.raft.commitIndex.rawValue == (isCommitted ? 2 : 1))
        // The same for votes.
        var state = node.disk
        state.hardState.term = Term(1)
        var candidate = TestNode(NodeID(1), state, options: .plain)
        candidate.run { $0.campaign() }
        for id in followers { candidate.hear(from: id, .vote(granted: true)) }
        #expect((candidate.role == .leader) == isCommitted)
    }

    /// "Any server from either configuration may serve as leader."
    @Test(arguments: [1, 5] as [UInt64]) func anyoneOfBothMayLead(id: UInt64) throws {
        var node = TestNode(NodeID(id), try jointLeader().disk, options: .plain)
        node.run { $0.campaign() }
        for other in [2, 3, 4] as [UInt64] { node.hear(from: other, .vote(granted: true)) }
        #expect(node.role == .leader)
    }

    @Test func theJointConfigurationIsLeftByItselfWhenItIsCommitted() throws {
        var node = settledLeader()
        try node.run {
            _ = try $0.propose(change(.addVoter(NodeID(4)), .remove(NodeID(3)), leaving: .automatic))
        }
        #expect(node.raft.configuration.isJoint)
        node.accept(2, from: 2, 4)
        #expect(node.raft.configuration == Configuration(1, 2, 4))
        #expect(node.raft.lastIndex == LogIndex(3))
    }

    /// A leader that dies in between does not leave the cluster in the joint configuration.
    @Test func theNextLeaderLeavesTheJointConfiguration() throws {
        var node = settledLeader()
        try node.run {
            _ = try $0.propose(change(.addVoter(NodeID(4)), .remove(NodeID(3)), leaving: .automatic))
        }
        var next = TestNode(NodeID(2), node.disk, options: .plain)
        next.run { $0.campaign() }
        for id in [1, 4] as [UInt64] { next.hear(from: id, .vote(granted: true)) }
        #expect(next.raft.configuration.isJoint)
        next.accept(3, from: 1, 4)
        #expect(next.raft.configuration == Configuration(1, 2, 4))
    }

    @Test func aJointConfigurationThatIsToStayIsLeftOnDemand() throws {
        var node = try jointLeader()
        node.accept(2, from: 3, 4)
        #expect(node.raft.configuration.isJoint)
        #expect(throws: Refusal.self) { try node.run { _ = try $0.propose(change(.addVoter(NodeID(9)))) } }
        try node.run { _ = try $0.propose(.leaveJoint) }
        #expect(node.raft.configuration == Configuration(3, 4, 5))
    }

    /// "There will be a period of time (while it is committing C-new) when the leader is managing a cluster that does not
    /// include itself; it replicates log entries but does not count itself in majorities." "The leader steps down (returns
    /// to follower state) once it has committed the C-new log entry."
    @Test func aLeaderThatIsRemovedSeesItThroughAndStepsDown() throws {
        var node = try jointLeader()
        node.accept(2, from: 3, 4)
        try node.run { _ = try $0.propose(.leaveJoint) }
        node.takeOutbox()
        node.accept(3, from: 3)
        #expect(node.raft.commitIndex == LogIndex(2), "itself and one of three are no majority")
        #expect(node.role == .leader)
        node.accept(3, from: 4)
        #expect(node.raft.commitIndex == LogIndex(3))
        #expect(node.role == .follower)
        let last = node.takeOutbox()
        #expect(last.contains { $0.to == NodeID(5) && $0.body.isAppend }, "the others hear of it")
        #expect(last.contains { $0.body == .timeoutNow }, "and one of them goes on")
        node.tick(100)
        #expect(node.role == .follower, "it never campaigns again")
    }

    /// "New servers join the cluster as non-voting members (the leader replicates log entries to them, but they are not
    /// considered for majorities)."
    @Test func learnersReceiveAndDoNotCount() throws {
        var node = TestNode.leader(of: 2)
        node.accept(1, from: 2)
        try node.run { _ = try $0.propose(change(.addLearner(NodeID(3)), .addLearner(NodeID(4)), leaving: .automatic)) }
        #expect(node.takeOutbox().contains { $0.to == NodeID(4) })
        node.accept(2, from: 3, 4)
        #expect(node.raft.commitIndex == LogIndex(1))
        node.accept(2, from: 2)
        #expect(node.raft.commitIndex == LogIndex(2))
        var learner = TestNode(NodeID(3), node.disk, options: .plain)
        learner.run { $0.campaign() }
        learner.tick(50)
        #expect(learner.role == .follower)
        try node.run { _ = try $0.propose(change(.addVoter(NodeID(3)), leaving: .automatic)) }
        #expect(node.raft.configuration.voters == [1, 2, 3].map { NodeID($0) })
        #expect(node.raft.configuration.learners == [NodeID(4)])
    }

    @Test func aDemotedVoterVotesUntilTheJointConfigurationIsLeft() throws {
        var node = settledLeader()
        try node.run { _ = try $0.propose(change(.addLearner(NodeID(3)), .addVoter(NodeID(4)))) }
        #expect(node.raft.configuration.nextLearners == [NodeID(3)])
        #expect(node.raft.configuration.isVoter(NodeID(3)))
        node.accept(2, from: 2, 4)
        try node.run { _ = try $0.propose(.leaveJoint) }
        #expect(node.raft.configuration == Configuration(voters: [1, 2, 4].map { NodeID($0) }, learners: [NodeID(3)]))
    }

    /// "Servers disregard RequestVote RPCs when they believe a current leader exists. Specifically, if a server receives a
    /// RequestVote RPC within the minimum election timeout of hearing from a current leader, it does not update its term or
    /// grant its vote."
    @Test func whoHearsFromALeaderDisregardsCandidates() {
        var node = TestNode.member(options: RaftOptions())
        node.hear(from: 2, term: 1, .heartbeat(commitIndex: .zero, round: 1))
        #expect(node.answers(to: 3, term: 9, .voteRequest(9, 8)) == [])
        #expect(node.term == 1)
        node.tick(9)
        #expect(node.answers(to: 3, term: 9, .voteRequest(9, 8)) == [])
        node.tick(1)
        #expect(node.answers(to: 3, term: 9, .voteRequest(9, 8)) == [.vote(granted: true)])
    }

    @Test func aLeaderDisregardsCandidatesToo() {
        var node = TestNode.leader(options: .votingAtOnce)
        #expect(node.answers(to: 3, term: 9, .voteRequest(9, 8)) == [])
        #expect(node.role == .leader)
    }

    /// What it promised before it went down it may not remember.
    @Test func afterARestartAPossiblePromiseIsKept() {
        var node = TestNode.member(term: 1, options: RaftOptions())
        #expect(node.answers(to: 3, term: 2, .voteRequest(9, 1)) == [])
        node.tick(10)
        #expect(node.answers(to: 3, term: 2, .voteRequest(9, 1)) == [.vote(granted: true)])
        var alone = TestNode.member(of: 1, term: 1, options: RaftOptions())
        alone.run { $0.campaign() }
        #expect(alone.role == .leader, "who votes alone promised nobody")
    }

    // MARK: Dissertation, chapter 4

    /// One change at a time, and none before the leader has committed in its term (section 4.1 and its correction of 2015).
    @Test func oneChangeAtATimeAndNoneBeforeTheTermsFirstCommit() throws {
        var node = TestNode.leader()
        #expect(refusal { try node.run { _ = try $0.propose(change(.addVoter(NodeID(4)))) } } == .changeUnderWay)
        var later = TestNode.leader(log: [1])
        #expect(refusal { try later.run { _ = try $0.propose(change(.addVoter(NodeID(4)))) } } == .changeUnderWay)
        node.accept(1, from: 2)
        try node.run { _ = try $0.propose(change(.addVoter(NodeID(4)), leaving: .automatic)) }
        #expect(refusal { try node.run { _ = try $0.propose(change(.addVoter(NodeID(5)))) } } == .changeUnderWay)
        node.accept(2, from: 2, 3)
        try node.run { _ = try $0.propose(change(.addVoter(NodeID(5)), leaving: .automatic)) }
        #expect(node.raft.configuration == Configuration(1, 2, 3, 4, 5))
    }

    /// "Only one server can be added or removed from the cluster at a time": more go through a joint configuration.
    @Test func oneVoterNeedsNoJointConfigurationAndTwoDo() throws {
        for (change, isJoint) in [
            (change(.addVoter(NodeID(4)), leaving: .automatic), false),
            (change(.remove(NodeID(3)), leaving: .automatic), false),
            (change(.addVoter(NodeID(4)), .remove(NodeID(3)), leaving: .automatic), true),
            (change(.addLearner(NodeID(4)), .addLearner(NodeID(5)), leaving: .automatic), false),
            (change(.addVoter(NodeID(4))), true),
        ] {
            var node = settledLeader()
            try node.run { _ = try $0.propose(change) }
            #expect(node.raft.configuration.isJoint == isJoint, "\(change)")
        }
    }

    @Test func nonsenseIsRefused() {
        var node = settledLeader()
        let all = (1...3).map { ConfigurationChange.Step.remove(NodeID($0)) }
        #expect(refusal { try node.run { _ = try $0.propose(ConfigurationChange(all)) } } == .invalid)
        #expect(refusal { try node.run { _ = try $0.propose(change(.addVoter(NodeID(0)))) } } == .invalid)
        #expect(refusal { try node.run { _ = try $0.propose(.leaveJoint) } } == .invalid)
        var follower = TestNode.member()
        #expect(refusal { try follower.run { _ = try $0.propose(.leaveJoint) } } == .notLeader)
    }

    /// "A server that is not part of its own latest configuration should still start new elections, as it might still be
    /// needed until the C-new entry is committed. It does not count its own vote in elections unless it is part of its
    /// latest configuration" (section 4.2.2).
    @Test func whoIsRemovedByAnUncommittedEntryStillCampaigns() throws {
        var state = PersistentState.bootstrap(Configuration(1, 2, 3))
        state.hardState.term = Term(1)
        let removal = Entry(
            term: Term(1), index: LogIndex(1), payload: .configuration(Configuration(2, 3), context: .empty))
        state.entries = [removal]
        var node = TestNode(NodeID(1), state, options: .plain)
        node.run { $0.campaign() }
        node.hear(from: 2, .vote(granted: true))
        #expect(node.role == .candidate, "its own vote does not count")
        node.hear(from: 3, .vote(granted: true))
        #expect(node.role == .leader)
        node.accept(2, from: 2, 3)
        #expect(node.role == .follower)
        node.tick(50)
        #expect(node.role == .follower)
        #expect(node.term == 2)
    }

    /// No log and no snapshot is without a configuration, also of who joins with nothing.
    @Test func theFirstEntryIsTheConfiguration() {
        let node = TestNode.leader()
        #expect(
            node.raft.entries(from: LogIndex(1)).map(\.payload) == [
                .configuration(Configuration(1, 2, 3), context: .empty)
            ])
    }
}

func refusal(_ body: () throws -> Void) -> Refusal.Code? {
    do { try body() } catch { return (error as? Refusal)?.code }
    return nil
}

extension RaftOptions {
    /// All that the dissertation adds, but for the pre-vote.
    static var votingAtOnce: RaftOptions {
        var options = RaftOptions()
        options.preVote = false
        return options
    }
}
