import ApusPrimitives
import ApusRaft
import Testing

/// The sentences of the Raft paper (extended version) that state a rule: section 5.3, 5.4.2, 5.5 and AppendEntries of
/// figure 2.
@Suite struct PaperReplicationTests {
    /// "The leader appends the command to its log as a new entry, then issues AppendEntries RPCs in parallel to each of the
    /// other servers to replicate the entry."
    @Test func theLeaderAppendsAndReplicatesInParallel() throws {
        var node = TestNode.leader()
        node.accept(1, from: 2, 3)
        node.takeOutbox()
        try node.run { try $0.propose("x") }
        let sent = node.takeOutbox()
        #expect(node.raft.lastIndex == LogIndex(2))
        #expect(sent.map(\.to) == [NodeID(2), NodeID(3)])
        #expect(
            sent.map(\.body.appended) == [node.raft.entries(from: LogIndex(2)), node.raft.entries(from: LogIndex(2))])
    }

    /// "When the entry has been safely replicated, the leader applies the entry to its state machine": "A log entry is
    /// committed once the leader that created the entry has replicated it on a majority of the servers."
    @Test(arguments: [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (7, 3)] as [(UInt64, UInt64)])
    func anEntryOnAMajorityIsCommitted(size: UInt64, followers: UInt64) throws {
        var node = TestNode.leader(of: size)
        for follower in 2..<(2 + followers) { node.accept(1, from: follower) }
        try node.run { try $0.propose("x") }
        for follower in 2..<(2 + followers) {
            #expect(node.commands == [])
            node.accept(2, from: follower)
            if follower < 1 + followers { node.accept(2, from: follower) }
        }
        #expect(node.commands == ["x"])
        #expect(node.raft.commitIndex == LogIndex(2))
    }

    /// "This also commits all preceding entries in the leader's log, including entries created by previous leaders."
    @Test func precedingEntriesAreCommittedWithIt() {
        var node = TestNode.leader(log: [1, 1, 2])
        node.accept(4, from: 2)
        #expect(node.committed.map(\.term.rawValue) == [1, 1, 2, 3])
    }

    /// "Raft never commits log entries from previous terms by counting replicas. Only log entries from the leader's current
    /// term are committed by counting replicas" (5.4.2, figure 8).
    @Test(arguments: [(2, false), (3, false), (4, true)] as [(UInt64, Bool)])
    func entriesOfEarlierTermsAreNotCommittedByCounting(match: UInt64, isCommitted: Bool) {
        var node = TestNode.leader(log: [1, 1, 2])
        node.accept(match, from: 2, 3)
        #expect(node.raft.commitIndex.rawValue == (isCommitted ? 4 : 0))
    }

    /// "The leader keeps track of the highest index it knows to be committed, and it includes that index in future
    /// AppendEntries RPCs … Once a follower learns that a log entry is committed, it applies the entry to its local state
    /// machine (in log order)."
    @Test func followersLearnWhatIsCommittedAndApplyInOrder() {
        var leader = TestNode.leader()
        leader.accept(1, from: 2, 3)
        let told = leader.takeOutbox().compactMap {
            if case .append(_, _, _, let commit) = $0.body { commit.rawValue } else { nil }
        }
        #expect(told.contains(1))
        var follower = TestNode.member()
        follower.hear(from: 2, term: 1, .append(entries(1, 1, 1), after: 0, 0))
        #expect(follower.commands == [])
        follower.hear(from: 2, .append(after: 3, 1, commit: 2))
        #expect(follower.commands == ["1@1", "2@1"])
        follower.hear(from: 2, .append(after: 3, 1, commit: 3))
        #expect(follower.commands == ["1@1", "2@1", "3@1"])
    }

    /// "If the follower does not find an entry in its log with the same index and term, then it refuses the new entries."
    @Test(
        arguments: [
            (0, 0, nil), (1, 1, nil), (2, 2, nil), (1, 2, (1, 1)), (2, 1, (1, 1)), (3, 3, (2, 2)), (5, 2, (2, 2)),
        ] as [(UInt64, UInt64, (UInt64, UInt64)?)])
    func aFollowerRefusesWhatDoesNotFit(index: UInt64, term: UInt64, hint: (UInt64, UInt64)?) {
        var node = TestNode.member(log: [1, 2])
        let answers = node.answers(to: 2, term: 3, .append(entries([3], from: index + 1), after: index, term))
        if let hint {
            #expect(
                answers == [
                    .appendRejected(
                        rejectedIndex: LogIndex(index), hintIndex: LogIndex(hint.0), hintTerm: Term(hint.1))
                ])
            #expect(node.logTerms == [1, 2])
        } else {
            #expect(answers == [.appendAccepted(lastIndex: LogIndex(index + 1))])
        }
    }

    /// "If an existing entry conflicts with a new one (same index but different terms), delete the existing entry and all
    /// that follow it. Append any new entries not already in the log."
    @Test(
        arguments: [
            (2, 2, [3, 3], [1, 2, 3, 3]), (1, 1, [3, 4], [1, 3, 4]), (0, 0, [1], [1, 2, 2]), (0, 0, [3], [3]),
            (0, 0, [1, 2], [1, 2, 2]), (3, 2, [], [1, 2, 2]), (1, 1, [2, 2, 3], [1, 2, 2, 3]), (2, 2, [], [1, 2, 2]),
        ] as [(UInt64, UInt64, [UInt64], [UInt64])])
    func conflictsAreDeletedAndNewEntriesAppended(index: UInt64, term: UInt64, new: [UInt64], result: [UInt64]) {
        var node = TestNode.member(log: [1, 2, 2])
        node.hear(from: 2, term: 4, .append(entries(new, from: index + 1), after: index, term))
        #expect(node.logTerms == result)
        #expect(node.disk.entries.map(\.term.rawValue) == result)
    }

    /// "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)."
    @Test(
        arguments: [
            (0, [1], 1, 1), (0, [1], 9, 1), (1, [], 9, 1), (3, [], 9, 3), (0, [1, 1], 1, 1), (0, [1, 1, 1], 2, 2),
        ] as [(UInt64, [UInt64], UInt64, UInt64)])
    func theCommitIndexIsNotBeyondTheLastNewEntry(
        index: UInt64, new: [UInt64], leaderCommit: UInt64, commit: UInt64
    ) {
        var node = TestNode.member(log: [1, 1, 1])
        let previousTerm: UInt64 = index == 0 ? 0 : 1
        node.hear(from: 2, .append(entries(new, from: index + 1), after: index, previousTerm, commit: leaderCommit))
        #expect(node.raft.commitIndex == LogIndex(commit))
    }

    /// What is committed is never deleted, whoever asks.
    @Test func committedEntriesAreNotDeleted() {
        var node = TestNode.member(log: [1, 1, 2], commit: 2)
        node.hear(from: 2, term: 3, .append(entries(3, 3), after: 0, 0))
        #expect(node.logTerms == [1, 1, 2])
    }

    /// "The leader handles inconsistencies by forcing the followers' logs to duplicate its own": the six followers of
    /// figure 7.
    @Test(
        arguments: [
            [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
            [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], [1, 1, 1, 4, 4, 4, 4], [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
        ] as [[UInt64]])
    func theLeaderForcesFollowersToDuplicateItsLog(follower: [UInt64]) {
        let terms: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
        var cluster = TestCluster(nodes: [
            .member(1, log: terms, term: 7), .member(2, log: follower, term: 7), .member(3, term: 7),
        ])
        // The third votes; of figure 7's followers d would not.
        cluster.elect(1)
        cluster.tick(3)
        #expect(cluster.leader == 1)
        #expect(cluster[2].logTerms == terms + [8])
        #expect(cluster[2].disk.entries == cluster[1].disk.entries)
    }

    /// "A leader never overwrites or deletes entries in its log; it only appends new entries."
    @Test func aLeaderOnlyAppends() {
        var node = TestNode.leader(log: [1, 2])
        node.hear(from: 2, .append(entries(3, 3), after: 0, 0))
        #expect(node.logTerms == [1, 2, 3])
        #expect(node.role == .leader)
    }

    /// "If followers crash or run slowly, or if network packets are lost, the leader retries AppendEntries RPCs
    /// indefinitely (even after it has responded to the client) until all followers eventually store all log entries."
    @Test func appendsAreRetriedUntilAllFollowersHaveThem() throws {
        var cluster = TestCluster(3)
        cluster.elect(1)
        cluster.isLost = { $0.to == NodeID(3) }
        for number in 0..<20 { try cluster.run(1) { try $0.propose("c\(number)") } }
        cluster.tick(50)
        #expect(cluster[1].commands.count == 20)
        cluster.isLost = { _ in false }
        cluster.tick(5)
        #expect(cluster[3].commands == cluster[1].commands)
    }

    /// "When rejecting an AppendEntries request, the follower can include the term of the conflicting entry and the first
    /// index it stores for that term … one AppendEntries RPC will be required for each term with conflicting entries,
    /// rather than one RPC per entry."
    @Test func theLeaderBacksUpByTermsAndNotByEntries() {
        let leader = [UInt64](repeating: 1, count: 10) + [UInt64](repeating: 5, count: 90)
        let follower = [UInt64](repeating: 1, count: 10) + [UInt64](repeating: 3, count: 50) + [4, 4, 4]
        var cluster = TestCluster(nodes: [.member(1, of: 2, log: leader), .member(2, of: 2, log: follower, term: 5)])
        cluster.run(1) { $0.campaign() }
        var probes = 0
        cluster.isLost = { message in
            if message.from == NodeID(1), message.body.isAppend { probes += 1 }
            return false
        }
        cluster.settle()
        #expect(cluster[2].logTerms == leader + [6])
        // One that is refused, one that fits, one that tells what is committed.
        #expect(probes <= 3, "\(probes)")
    }

    // MARK: 5.5

    /// "Raft RPCs are idempotent …: if a follower receives an AppendEntries request that includes log entries already
    /// present in its log, it ignores those entries in the new request."
    @Test func anAppendThatComesAgainOrLateChangesNothing() {
        var node = TestNode.member()
        let first = Message.Body.append(entries(1, 1), after: 0, 0)
        node.hear(from: 2, term: 1, first)
        node.hear(from: 2, .append(entries(1, 1, from: 3), after: 2, 1, commit: 1))
        let before = node.raft.hardState
        #expect(node.answers(to: 2, first) == [.appendAccepted(lastIndex: LogIndex(4))])
        #expect(node.logTerms == [1, 1, 1, 1])
        #expect(node.raft.hardState == before)
    }

    @Test func aLateAnswerDoesNotMoveTheMatchBack() throws {
        var node = TestNode.leader()
        for number in 0..<3 { try node.run { try $0.propose("c\(number)") } }
        node.accept(4, from: 2)
        node.accept(2, from: 2)
        node.hear(from: 2, .appendRejected(rejectedIndex: LogIndex(3), hintIndex: .zero, hintTerm: .zero))
        let peer = node.raft.status.peers[1]
        #expect(peer.matchIndex == LogIndex(4))
        #expect(peer.nextIndex == LogIndex(5))
        #expect(node.raft.commitIndex == LogIndex(4))
    }

    @Test func anAnswerBeyondTheLogIsNotBelieved() {
        var node = TestNode.leader()
        node.accept(9, from: 2)
        #expect(node.raft.commitIndex == .zero)
    }

    // MARK: Figure 2: "Updated on stable storage before responding to RPCs"

    @Test func anAppendIsAcknowledgedWhenItIsOnDisk() {
        var node = TestNode.member(term: 1)
        node.isDiskSlow = true
        #expect(node.answers(to: 2, .append(entries(1, 1), after: 0, 0, commit: 2)) == [])
        #expect(node.raft.commitIndex == LogIndex(2))
        #expect(node.commands == [], "and applied not before")
        // The disk may take its time: everything else goes on.
        let round = node.answers(to: 2, .heartbeat(commitIndex: .zero, round: 4))
        #expect(round == [.heartbeatAnswer(round: 4)])
        node.persist()
        #expect(node.takeOutbox().map(\.body) == [.appendAccepted(lastIndex: LogIndex(2))])
        #expect(node.commands == ["1@1", "2@1"])
    }

    /// An old write says nothing of what took the place of its entries.
    @Test func theAcknowledgementOfATruncatedWriteProvesNothing() {
        var node = TestNode.member(term: 1)
        node.isDiskSlow = true
        node.hear(from: 2, .append(entries(1, 1, 1), after: 0, 0))
        let first = node.pendingWrites[0].sequence
        node.hear(from: 3, term: 2, .append(entries(2, 2, from: 2), after: 1, 1))
        node.run { $0.persisted(through: first) }
        #expect(node.raft.durableIndex == LogIndex(1))
        #expect(node.takeOutbox() == [])
        node.persist()
        #expect(node.takeOutbox().map(\.body) == [.appendAccepted(lastIndex: LogIndex(3))])
        #expect(node.disk.entries.map(\.term.rawValue) == [1, 2, 2])
    }

    /// "The leader may even commit an entry before it has been written to its own disk, if a majority of followers have
    /// written it" (dissertation, section 10.2.1).
    @Test func theLeadersDiskIsOneOfMany() throws {
        var node = TestNode.leader()
        node.isDiskSlow = true
        node.accept(1, from: 2, 3)
        try node.run { try $0.propose("x") }
        node.accept(2, from: 2)
        #expect(node.raft.commitIndex == LogIndex(1), "its own disk does not count yet")
        node.accept(2, from: 3)
        #expect(node.raft.commitIndex == LogIndex(2))
        #expect(node.commands == [], "but it applies what it has itself")
        node.persist()
        #expect(node.commands == ["x"])
    }

    @Test func aHeartbeatCommitsNoMoreThanTheFollowerIsKnownToHave() throws {
        var node = TestNode.leader()
        try node.run { try $0.propose("x") }
        node.accept(1, from: 3)
        node.accept(2, from: 2)
        node.takeOutbox()
        node.tick(1)
        let told = node.takeOutbox().compactMap {
            if case .heartbeat(let commit, _) = $0.body { commit.rawValue } else { nil }
        }
        #expect(told == [2, 1])
    }

    /// What was applied is committed, also when the disk's last word on it is older.
    @Test func whatWasAppliedIsNotAppliedAgain() {
        var state = PersistentState.bootstrap(Configuration(1, 2, 3))
        state.entries = entries(1, 1, 1)
        state.hardState = HardState(term: Term(1), commitIndex: LogIndex(1))
        let raft = Raft(id: NodeID(1), state: state, applied: LogIndex(2), random: SeededRandom(seed: 1))
        #expect(raft.commitIndex == LogIndex(2))
        #expect(raft.appliedIndex == LogIndex(2))
        #expect(!raft.hasReady)
    }
}
