import ApusPrimitives
import ApusRaft
import Testing

/// Whole clusters on a network that works: what the features do when nothing goes wrong, and a little when it does.
@Suite struct ClusterTests {
    @Test(arguments: 1...7) func aClusterElectsAndReplicates(size: Int) throws {
        var cluster = TestCluster(size)
        cluster.elect(1)
        #expect(cluster.leader == 1)
        for number in 0..<50 {
            try cluster.run(1) { try $0.propose("c\(number)") }
            cluster.settle()
        }
        for node in cluster.nodes { #expect(node.commands == (0..<50).map { "c\($0)" }) }
    }

    @Test func aClusterElectsByItself() {
        var cluster = TestCluster(3)
        cluster.tick(60)
        #expect(cluster.leader != nil)
        #expect(Set(cluster.nodes.map(\.raft.standing.leader)).count == 1)
    }

    @Test func aFollowerThatWasAwayCatchesUp() throws {
        var cluster = TestCluster(3)
        cluster.elect(1)
        cluster.isLost = { $0.to == NodeID(3) || $0.from == NodeID(3) }
        for number in 0..<100 {
            try cluster.run(1) { try $0.propose("c\(number)") }
            cluster.settle()
        }
        cluster.isLost = { _ in false }
        cluster.tick(5)
        #expect(cluster[3].commands.count == 100)
    }

    @Test func aSnapshotReachesWhoIsFarBehind() throws {
        var options = RaftOptions()
        options.trailingEntries = 3
        options.snapshotChunkBytes = 10
        var cluster = TestCluster(3, options: options)
        cluster.elect(1)
        cluster.isLost = { $0.to == NodeID(3) || $0.from == NodeID(3) }
        for number in 0..<20 {
            try cluster.run(1) { try $0.propose("c\(number)") }
            cluster.settle()
        }
        cluster[1].takeSnapshot(Array(0..<95))
        cluster.isLost = { _ in false }
        cluster.tick(5)
        #expect(cluster[3].restored?.index == LogIndex(21))
        #expect(cluster[3].snapshotFile == Array(0..<95))
        #expect(cluster[3].raft.configuration == cluster[1].raft.configuration)
        try cluster.run(1) { try $0.propose("after") }
        cluster.settle()
        #expect(cluster[3].commands == ["after"])
    }

    @Test func leadershipIsHandedOver() throws {
        var cluster = TestCluster(3)
        cluster.elect(1)
        try cluster.run(1) { try $0.transferLeadership(to: NodeID(2)) }
        cluster.settle()
        #expect(cluster.leader == 2)
        #expect(cluster[1].raft.standing.leader == NodeID(2))
    }

    @Test(arguments: [1, 2]) func readsAreAnsweredAtTheLeaderAndAtFollowers(reader: UInt64) throws {
        var cluster = TestCluster(3)
        cluster.elect(1)
        try cluster.run(1) { try $0.propose("x") }
        cluster.settle()
        try cluster.run(reader) { try $0.read(ReadID(7)) }
        cluster.settle()
        #expect(cluster[reader].reads == [Ready.Read(id: ReadID(7), index: LogIndex(2))])
    }

    @Test func membersChangeThroughAJointConfiguration() throws {
        var cluster = TestCluster(3)
        cluster.elect(1)
        for id in UInt64(4)...6 { cluster.add(TestNode(NodeID(id), PersistentState())) }
        let change = ConfigurationChange([
            .addVoter(NodeID(4)), .addVoter(NodeID(5)), .addVoter(NodeID(6)), .remove(NodeID(1)), .remove(NodeID(2)),
            .addLearner(NodeID(3)),
        ])
        try cluster.run(1) { _ = try $0.propose(change) }
        cluster.settle()
        cluster.tick(30)
        let expected = Configuration(voters: [4, 5, 6].map { NodeID($0) }, learners: [NodeID(3)])
        let leader = try #require(cluster.leader)
        #expect([4, 5, 6].contains(leader))
        for id in UInt64(3)...6 { #expect(cluster[id].raft.configuration == expected) }
        try cluster.run(leader) { try $0.propose("x") }
        cluster.settle()
        for id in UInt64(3)...6 { #expect(cluster[id].commands == ["x"]) }
    }

    @Test func aProposalAtAFollowerGoesToTheLeader() throws {
        var cluster = TestCluster(3)
        #expect(refusal { try cluster.run(2) { try $0.propose("early") } } == .noLeader)
        #expect(refusal { try cluster.run(2) { _ = try $0.propose([Bytes]()) } } == .invalid)
        cluster.elect(1)
        var proposed: Proposed?
        try cluster.run(2) { proposed = try $0.propose(["x", "y"]) }
        #expect(proposed == .forwarded(to: NodeID(1)))
        cluster.settle()
        try cluster.run(1) { proposed = try $0.propose(["z"]) }
        #expect(proposed == .appended(term: Term(1), first: LogIndex(4)))
        cluster.settle()
        for node in cluster.nodes { #expect(node.commands == ["x", "y", "z"]) }
    }

    @Test func aLostConnectionMeansProbingAgain() throws {
        var cluster = TestCluster(3)
        cluster.elect(1)
        try cluster.run(1) { try $0.propose("x") }
        cluster.takeQueue()
        cluster.run(1) { $0.peerUnreachable(NodeID(2)) }
        #expect(cluster[1].raft.status.peers[1].state == .probing)
        #expect(cluster[1].raft.status.peers[1].nextIndex == LogIndex(2))
        cluster.tick(4)
        #expect(cluster[2].commands == ["x"])
    }

    @Test func aWholeClusterComesBackWithWhatWasCommitted() throws {
        var cluster = TestCluster(3)
        cluster.elect(1)
        for number in 0..<5 { try cluster.run(1) { try $0.propose("c\(number)") } }
        cluster.settle()
        for id in 1...3 as ClosedRange<UInt64> { cluster[id].restart() }
        cluster.takeQueue()
        cluster.tick(60)
        #expect(cluster.leader != nil)
        for node in cluster.nodes { #expect(node.commands == (0..<5).map { "c\($0)" }) }
    }

    /// What one node is told to do while it hears from a leader would break that one's lease.
    @Test func nobodyCampaignsWhileItHearsFromALeader() {
        var cluster = TestCluster(3)
        cluster.elect(1)
        cluster.elect(2)
        #expect(cluster.leader == 1)
        #expect(cluster[2].term == 1)
    }
}
