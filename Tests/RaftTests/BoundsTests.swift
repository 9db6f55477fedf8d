import ApusPrimitives
import ApusRaft
import Testing

/// Every bound of the options, at the bound.
@Suite struct BoundsTests {
    private func leader(_ change: (inout RaftOptions) -> Void) -> TestNode {
        var options = RaftOptions.plain
        change(&options)
        var node = TestNode.leader(options: options)
        node.accept(1, from: 2, 3)
        node.takeOutbox()
        return node
    }

    private func propose(_ node: inout TestNode, bytes: Int = 36) throws {
        try node.run { _ = try $0.propose([Bytes([UInt8](repeating: 0, count: bytes))]) }
    }

    private func appends(_ node: inout TestNode, to id: UInt64 = 2) -> [[Entry]] {
        node.takeOutbox().filter { $0.to == NodeID(id) && $0.body.isAppend }.map(\.body.appended).filter { !$0.isEmpty }
    }

    @Test func anAppendIsNoLargerThanAMessageMayBe() throws {
        var node = leader { $0.maximumMessageBytes = 300 }
        // An entry of 36 bytes counts for 100.
        try node.run { _ = try $0.propose([Bytes](repeating: Bytes([UInt8](repeating: 0, count: 36)), count: 7)) }
        #expect(appends(&node).map(\.count) == [3, 3, 1])
        try propose(&node, bytes: 1_000)
        #expect(appends(&node).map(\.count) == [1], "one entry always travels")
    }

    @Test func noMoreAppendsAreUnderWayThanMayBe() throws {
        var node = leader { $0.maximumInflightMessages = 3 }
        for _ in 0..<5 { try propose(&node) }
        #expect(appends(&node).count == 3)
        node.accept(2, from: 2)
        // What waited goes in one.
        #expect(appends(&node).map(\.count) == [2])
        #expect(node.raft.status.peers[1].inflightMessages == 3)
    }

    @Test func noMoreBytesAreUnderWayThanMayBe() throws {
        var node = leader { $0.maximumInflightBytes = 250 }
        for _ in 0..<5 { try propose(&node) }
        #expect(appends(&node).count == 3)
        #expect(node.raft.status.peers[1].inflightBytes == 300)
        node.accept(3, from: 2)
        #expect(appends(&node).map(\.count) == [2])
    }

    @Test func noMoreIsUncommittedThanMayBe() throws {
        var node = leader { $0.maximumUncommittedBytes = 250 }
        try propose(&node)
        try propose(&node)
        #expect(refusal { try propose(&node) } == .busy)
        node.accept(2, from: 2)
        try propose(&node)
        node.accept(4, from: 2)
        try propose(&node, bytes: 10_000)
        #expect(refusal { try propose(&node) } == .busy, "one that is too large goes alone")
    }

    @Test func aLogThatWaitsForASnapshotTakesNoMore() throws {
        var node = leader { $0.maximumLogBytes = 400 }
        var count: UInt64 = 1
        while refusal({ try propose(&node) }) == nil {
            count += 1
            node.accept(count, from: 2, 3)
        }
        #expect(refusal { try propose(&node) } == .busy)
        #expect(node.raft.status.logBytes <= 400)
        node.takeSnapshot([1])
        #expect(node.raft.status.logBytes == 0)
        try propose(&node)
    }

    @Test func aFollowerWhoseLogWaitsForASnapshotTakesNoMore() {
        var options = RaftOptions.plain
        options.maximumLogBytes = 200
        var node = TestNode.member(options: options)
        node.hear(from: 2, term: 1, .append(entries(1, 1, 1, 1), after: 0, 0, commit: 3))
        #expect(node.answers(to: 2, .append(entries(1, from: 5), after: 4, 1)) == [])
        #expect(node.raft.lastIndex == LogIndex(4))
        node.takeSnapshot([1])
        #expect(
            node.answers(to: 2, .append(entries(1, from: 5), after: 4, 1)) == [.appendAccepted(lastIndex: LogIndex(5))])
    }

    @Test func noMoreIsHandedToTheStateMachineThanMayBe() {
        var options = RaftOptions.plain
        options.maximumUnappliedBytes = 200
        var node = TestNode.member(options: options)
        node.isStateMachineSlow = true
        node.hear(from: 2, term: 1, .append(entries([UInt64](repeating: 1, count: 10)), after: 0, 0, commit: 10))
        // An entry here counts for 67 or 68.
        #expect(node.commands.count == 3)
        node.apply()
        #expect(node.commands.count == 6)
    }

    @Test(arguments: [true, false]) func noMoreReadsWaitThanMayBe(isLeader: Bool) throws {
        var options = RaftOptions.plain
        options.maximumPendingReads = 5
        var node = isLeader ? TestNode.leader(options: options) : TestNode.member(options: options)
        if !isLeader { node.hear(from: 2, term: 1, .heartbeat(commitIndex: .zero, round: 1)) }
        for id in 0..<5 as Range<UInt64> { try node.run { try $0.read(ReadID(id)) } }
        #expect(refusal { try node.run { try $0.read(ReadID(9)) } } == .busy)
        if isLeader {
            let answers = node.answers(to: 2, .readRequest(id: ReadID(77)))
            #expect(answers.contains(.readAnswer(id: ReadID(77), index: nil)))
        }
    }

    @Test func noMoreAnswersWaitForTheDiskThanMayBe() {
        var node = TestNode.member()
        node.isDiskSlow = true
        node.hear(from: 2, term: 1, .voteRequest(0, 0))
        for _ in 0..<5_000 { node.hear(from: 2, term: 1, .voteRequest(0, 0)) }
        node.persist()
        #expect(node.takeOutbox().count == 1_024)
    }

    @Test func proposalsDoNotWaitForTheDiskOfAFollower() throws {
        var node = TestNode.member()
        node.isDiskSlow = true
        node.hear(from: 2, term: 1, .heartbeat(commitIndex: .zero, round: 1))
        #expect(refusal { try propose(&node) } == .busy)
        node.persist()
        try propose(&node)
        #expect(node.takeOutbox().contains { if case .proposal = $0.body { true } else { false } })
    }

    @Test func aPieceOfASnapshotIsNoLargerThanMayBe() {
        var node = leader {
            $0.snapshotChunkBytes = 7
            $0.trailingEntries = 0
        }
        node.takeSnapshot([UInt8](repeating: 1, count: 20))
        node.run { $0.peerUnreachable(NodeID(3)) }
        let sent = node.answers(
            to: 3, .appendRejected(rejectedIndex: LogIndex(1), hintIndex: .zero, hintTerm: .zero))
        for case .snapshot(let chunk) in sent { #expect(chunk.bytes.count <= 7) }
    }

    @Test func optionsOutOfRangeAreBroughtIntoIt() {
        var options = RaftOptions()
        options.electionTicks = -5
        options.heartbeatTicks = 0
        options.leaseMarginTicks = -1
        options.maximumMessageBytes = 0
        options.maximumInflightMessages = 0
        options.snapshotChunkBytes = -1
        options.trailingEntries = -1
        options.stalledDiskTicks = 0
        var cluster = TestCluster(3, options: options)
        cluster.tick(20)
        #expect(cluster.leader != nil)
    }
}
