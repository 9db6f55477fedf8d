import ApusPrimitives
import ApusRaft
import Testing

/// The sentences of the Raft paper (extended version) that state a rule: section 7.
@Suite struct PaperSnapshotTests {
    private let metadata = SnapshotMetadata(index: LogIndex(5), term: Term(2), configuration: Configuration(1, 2, 3, 4))

    private func chunk(
        _ offset: UInt64, _ bytes: [UInt8], isLast: Bool = false, source: UInt64 = 2, index: UInt64 = 5
    ) -> Message.Body {
        let metadata = SnapshotMetadata(
            index: LogIndex(index), term: metadata.term, configuration: metadata.configuration)
        return .snapshot(
            SnapshotChunk(
                snapshot: metadata, source: NodeID(source), offset: offset, bytes: Bytes(bytes), isLast: isLast))
    }

    private func progress(_ offset: UInt64, index: UInt64 = 5) -> Message.Body {
        .snapshotProgress(index: LogIndex(index), nextOffset: offset)
    }

    /// A leader whose log begins after index 6, and a follower that has nothing.
    private func leaderWithSnapshot(chunkBytes: Int = 10, bytes: Int = 25) -> TestNode {
        var options = RaftOptions.plain
        options.trailingEntries = 0
        options.snapshotChunkBytes = chunkBytes
        var node = TestNode.leader(log: [1, 1, 1, 2, 2], options: options)
        node.accept(6, from: 2)
        node.takeSnapshot((0..<bytes).map { UInt8($0) })
        node.takeOutbox()
        return node
    }

    /// "Raft also includes a small amount of metadata in the snapshot: the last included index … and the last included
    /// term … the snapshot also includes the latest configuration in the log as of last included index."
    @Test func aSnapshotHasIndexTermAndConfiguration() throws {
        var node = TestNode.leader()
        node.accept(1, from: 2)
        try node.run { _ = try $0.propose(ConfigurationChange([.addLearner(NodeID(7))])) }
        node.accept(2, from: 2)
        try node.run { _ = try $0.propose(ConfigurationChange([.addVoter(NodeID(8))])) }
        let learner = Configuration(voters: [1, 2, 3].map { NodeID($0) }, learners: [NodeID(7)])
        #expect(
            node.raft.snapshotMetadata(at: LogIndex(2))
                == SnapshotMetadata(index: LogIndex(2), term: Term(1), configuration: learner))
        #expect(node.raft.snapshotMetadata(at: LogIndex(1))?.configuration == Configuration(1, 2, 3))
        #expect(node.raft.snapshotMetadata(at: LogIndex(3)) == nil, "not applied")
    }

    /// "Once a server completes writing a snapshot, it may delete all log entries up through the last included index": but
    /// for those kept for slow followers.
    @Test(arguments: [(0, 6), (2, 4), (100, 0)] as [(Int, UInt64)])
    func aSnapshotCutsTheLog(trailing: Int, compacted: UInt64) {
        var options = RaftOptions.plain
        options.trailingEntries = trailing
        var node = TestNode.leader(log: [1, 1, 1, 2, 2], options: options)
        node.accept(6, from: 2)
        node.takeSnapshot([1])
        #expect(node.raft.firstIndex == LogIndex(compacted + 1))
        #expect(node.raft.lastIndex == LogIndex(6))
    }

    /// "The leader must occasionally send snapshots to followers that lag behind. This happens when the leader has already
    /// discarded the next log entry that it needs to send to a follower": "in chunks", "in order".
    @Test func whoLagsBehindIsSentTheSnapshotInPieces() {
        var node = leaderWithSnapshot()
        node.hear(from: 3, .appendRejected(rejectedIndex: LogIndex(5), hintIndex: .zero, hintTerm: .zero))
        var offsets: [UInt64] = []
        var last = false
        while !last, case .snapshot(let chunk)? = node.takeOutbox().last?.body {
            offsets.append(chunk.offset)
            last = chunk.isLast
            if !last { node.hear(from: 3, progress(chunk.offset + UInt64(chunk.bytes.count), index: 6)) }
        }
        #expect(offsets == [0, 10, 20])
        node.accept(6, from: 3)
        let peer = node.raft.status.peers[2]
        #expect(peer.state == .replicating)
        #expect(peer.nextIndex == LogIndex(7))
        #expect(node.raft.snapshotsInUse.count == 1)
    }

    @Test func aPieceThatIsLostIsSentAgain() {
        var node = leaderWithSnapshot()
        node.hear(from: 3, .appendRejected(rejectedIndex: LogIndex(5), hintIndex: .zero, hintTerm: .zero))
        node.takeOutbox()
        node.tick(10)
        let chunks = node.takeOutbox().compactMap {
            if case .snapshot(let chunk) = $0.body { chunk.offset } else { nil }
        }
        #expect(chunks == [0])
        // What was said twice is no reason to go on twice.
        node.hear(from: 3, progress(10, index: 6))
        #expect(node.answers(to: 3, progress(10, index: 6)) == [])
    }

    @Test func theLogIsKeptForASnapshotThatIsUnderWay() throws {
        var node = leaderWithSnapshot()
        node.hear(from: 3, .appendRejected(rejectedIndex: LogIndex(5), hintIndex: .zero, hintTerm: .zero))
        try node.run { try $0.propose("x") }
        node.accept(7, from: 2)
        node.takeSnapshot([9])
        #expect(node.raft.snapshotsInUse.map(\.index) == [LogIndex(7), LogIndex(6)])
        #expect(node.raft.firstIndex == LogIndex(7))
        node.accept(6, from: 3)
        #expect(node.raft.status.peers[2].state == .replicating)
    }

    // MARK: The log in memory, which the paper leaves to the implementation

    /// What is applied leaves it, but for what a member may still ask for.
    @Test func appliedEntriesLeaveTheMemoryWithoutASnapshot() throws {
        var options = RaftOptions.plain
        options.trailingBytes = 1_000
        var node = TestNode.leader(options: options)
        for index in UInt64(2)...500 {
            try node.run { try $0.propose(String(repeating: "x", count: 20)) }
            node.accept(index, from: 2)
            if index <= 100 { node.accept(index, from: 3) }
            let bytes = node.raft.status.logBytes
            if index <= 100 { #expect(bytes <= 2_100) }
            if index == 100 { #expect(bytes >= 1_000) }
        }
        #expect(node.raft.firstIndex <= LogIndex(101), "a member does not have the rest yet")
        #expect(node.raft.status.snapshot?.index ?? .zero == .zero)
        node.accept(500, from: 3)
        try node.run { try $0.propose("y") }
        node.accept(501, from: 2)
        #expect(node.raft.status.logBytes <= 2_100)
    }

    /// "The leader has already discarded the next log entry that it needs to send": while it was a follower, and no snapshot has
    /// it either.
    @Test func aSnapshotIsAskedForWhenAFollowerNeedsOne() throws {
        var options = RaftOptions()
        options.trailingBytes = 0
        var cluster = TestCluster(3, options: options)
        cluster.run(1) { $0.campaign() }
        cluster.settle()
        cluster.isLost = { $0.to == NodeID(3) || $0.from == NodeID(3) }
        for count in 1...50 { try cluster.run(1) { try $0.propose("\(count)") } }
        cluster.settle()
        cluster.tick(2)
        #expect(cluster[1].raft.firstIndex <= LogIndex(2), "a member lacks the rest")
        #expect(cluster[2].raft.firstIndex == LogIndex(52))
        cluster.isLost = { $0.to == NodeID(1) || $0.from == NodeID(1) }
        cluster[2].isTold = true
        cluster.tick(60)
        #expect(cluster[2].role == .leader)
        #expect(cluster[2].readies.contains { $0.needsSnapshot })
        cluster[2].takeSnapshot([1])
        cluster.tick(20)
        #expect(cluster[3].restored != nil)
        #expect(cluster[3].raft.lastIndex == cluster[2].raft.lastIndex)
        _ = cluster[2].takeReadies()
        cluster.tick(20)
        #expect(!cluster[2].readies.contains { $0.needsSnapshot })
    }

    // MARK: Figure 13, InstallSnapshot

    /// "Reply immediately if term < currentTerm."
    @Test func aSnapshotOfAnEarlierTermIsRefused() {
        var node = TestNode.member(log: [1], term: 4)
        #expect(node.answers(to: 2, term: 3, chunk(0, [1], isLast: true)) == [.heartbeatAnswer(round: 0)])
        #expect(node.disk.snapshot?.index == .zero)
    }

    /// "Create new snapshot file if first chunk (offset is 0). Write data into snapshot file at given offset. Reply and
    /// wait for more data chunks if done is false. … Discard the entire log. Reset state machine using snapshot contents
    /// (and load snapshot's cluster configuration)."
    @Test func aSnapshotReplacesTheLog() {
        var node = TestNode.member(log: [1, 1], term: 2)
        #expect(node.answers(to: 2, chunk(0, [1, 2])) == [progress(2)])
        #expect(node.answers(to: 2, chunk(2, [3])) == [progress(3)])
        #expect(node.logTerms == [1, 1])
        #expect(node.answers(to: 2, chunk(3, [4], isLast: true)) == [.appendAccepted(lastIndex: LogIndex(5))])
        #expect(node.snapshotFile == [1, 2, 3, 4])
        #expect(node.restored == metadata)
        #expect(node.logTerms == [])
        #expect(node.raft.term(at: LogIndex(5)) == Term(2))
        #expect(node.raft.configuration == metadata.configuration)
        #expect(node.raft.commitIndex == LogIndex(5))
        #expect(node.answers(to: 2, .append(entries(2, from: 6), after: 5, 2, commit: 6)).contains { $0.isAccepted(6) })
        #expect(node.commands == ["6@2"])
    }

    /// "If existing log entry has same index and term as snapshot's last included entry, retain log entries following it
    /// and reply."
    @Test func aSnapshotOfAPrefixKeepsWhatFollows() {
        var node = TestNode.member(log: [1, 1, 1, 1, 2, 2])
        #expect(node.answers(to: 2, chunk(0, [1], isLast: true)) == [.appendAccepted(lastIndex: LogIndex(5))])
        #expect(node.logTerms == [1, 1, 1, 1, 2, 2])
        #expect(node.raft.commitIndex == LogIndex(5))
        #expect(node.restored == nil)
    }

    @Test func aSnapshotThatIsOlderThanWhatIsCommittedIsIgnored() {
        var node = TestNode.member(log: [1, 1, 1, 1, 1, 2], commit: 6)
        #expect(node.answers(to: 2, chunk(0, [1], isLast: true)) == [.appendAccepted(lastIndex: LogIndex(6))])
        #expect(node.raft.configuration == Configuration(1, 2, 3))
        #expect(node.restored == nil)
    }

    @Test func piecesOutOfOrderAreAnsweredWithWhereToGoOn() {
        var node = TestNode.member(term: 2)
        #expect(node.answers(to: 2, chunk(2, [3])) == [progress(0)])
        #expect(node.answers(to: 2, chunk(0, [1, 2])) == [progress(2)])
        #expect(node.answers(to: 2, chunk(0, [1, 2])) == [progress(2)])
        #expect(node.answers(to: 2, chunk(9, [1, 2])) == [progress(2)])
    }

    @Test func aPieceIsAcknowledgedWhenItIsOnDisk() {
        var node = TestNode.member(term: 2)
        node.isDiskSlow = true
        #expect(node.answers(to: 2, chunk(0, [1, 2])) == [])
        node.persist()
        #expect(node.takeOutbox().map(\.body) == [progress(2)])
        #expect(node.answers(to: 2, chunk(2, [3], isLast: true)) == [])
        #expect(node.restored == nil)
        node.persist()
        #expect(node.takeOutbox().map(\.body) == [.appendAccepted(lastIndex: LogIndex(5))])
        #expect(node.restored == metadata)
    }

    @Test func afterARestartItGoesOnWhereItWas() {
        var node = TestNode.member(term: 2)
        node.hear(from: 2, chunk(0, [1, 2, 3]))
        node.restart()
        #expect(node.answers(to: 2, chunk(0, [1])) == [progress(3)])
        #expect(node.answers(to: 2, chunk(3, [4], isLast: true)) == [.appendAccepted(lastIndex: LogIndex(5))])
        #expect(node.snapshotFile == [1, 2, 3, 4])
    }

    /// Two nodes' snapshots of one index need not have the same bytes.
    @Test func piecesOfTwoNodesAreNotPutTogether() {
        var node = TestNode.member(term: 2)
        node.hear(from: 2, chunk(0, [1, 2]))
        #expect(node.answers(to: 3, term: 3, chunk(2, [9], source: 3)) == [progress(0)])
        node.hear(from: 3, chunk(0, [7], source: 3))
        node.hear(from: 3, chunk(1, [8], isLast: true, source: 3))
        #expect(node.snapshotFile == [7, 8])
    }

    /// The log on disk is another until the last piece is there: a commit index of the new one must not be beside it.
    @Test func theCommitIndexOnDiskIsNeverAheadOfTheLogOnDisk() {
        var node = TestNode.member(log: [1, 1, 1, 1, 1, 1, 1], term: 2, commit: 1)
        node.isDiskSlow = true
        node.tick(1)
        node.hear(from: 2, chunk(0, [1], isLast: true))
        #expect(node.raft.commitIndex == LogIndex(5))
        #expect(node.pendingWrites.allSatisfy { $0.hardState?.commitIndex ?? .zero <= LogIndex(1) })
        // Without the write, the old log and what it knew are there again.
        node.restart()
        #expect(node.raft.commitIndex == LogIndex(1))
        #expect(node.logTerms == [1, 1, 1, 1, 1, 1, 1])
    }

    @Test func aStateMachineThatIsBehindTheSnapshotIsRestored() {
        var state = PersistentState(snapshot: metadata, entries: entries(2, from: 6))
        state.hardState = HardState(term: Term(2), commitIndex: LogIndex(6))
        var raft = Raft(id: NodeID(1), state: state, applied: LogIndex(3), random: SeededRandom(seed: 1))
        let ready = raft.takeReady()
        #expect(ready.restore == metadata)
        #expect(ready.committed.map(\.index) == [LogIndex(6)])
    }
}

extension Message.Body {
    fileprivate func isAccepted(_ index: UInt64) -> Bool { self == .appendAccepted(lastIndex: LogIndex(index)) }
}
