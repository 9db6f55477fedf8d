import ApusNode
import ApusPrimitives
import ApusRaft
import NIOPosix
import TestSupport
import Testing

@Suite struct MembershipTests {
    @Test func `a node joins, catches up, votes, and leaves`() async throws {
        try await withCluster(Cluster()) { cluster in
            let leader = try await cluster.leader()
            _ = try await cluster.whileTicking { try await leader.write("before") }
            try cluster.start(4, beginning: .joining(cluster.founders))
            try await cluster.whileTicking { try await leader.change([.addLearner(Member(NodeID(4), at: "n4"))]) }
            #expect(try await cluster.converge(1) == ["before"])
            try await cluster.whileTicking { try await leader.change([.addVoter(Member(NodeID(4), at: "n4"))]) }
            #expect(try await leader.status.raft.configuration.voters == (1...4).map { NodeID($0) })
            let answer = try await cluster.whileTicking { try await cluster[4].write("from the fourth") }
            #expect(answer == 2)
            // It learned where everybody is.
            try await cluster.until { try await cluster[4].status.members.map(\.address) == ["n1", "n2", "n3", "n4"] }
            try await cluster.whileTicking { try await leader.change([.remove(NodeID(4))]) }
            await cluster.stop(4)
            #expect(try await cluster.converge(2) == ["before", "from the fourth"])
        }
    }

    @Test func `several members change at once`() async throws {
        try await withCluster(Cluster()) { cluster in
            let leader = try await cluster.leader()
            let others = cluster.nodes.filter { $0.id != leader.id }
            for id in [4, 5] as [UInt64] { try cluster.start(id, beginning: .joining(cluster.founders)) }
            _ = try await cluster.whileTicking { try await leader.write("one") }
            try await cluster.whileTicking {
                try await leader.change(
                    [4, 5].map { .addVoter(Member(NodeID($0), at: "n\($0)")) } + others.map { .remove($0.id) })
            }
            for other in others { await cluster.stop(other.id.rawValue) }
            let configuration = try await leader.status.raft.configuration
            #expect(configuration.voters == [leader.id, NodeID(4), NodeID(5)])
            #expect(!configuration.isJoint)
            _ = try await cluster.whileTicking { try await cluster[5].write("two") }
            #expect(try await cluster.converge(2) == ["one", "two"])
        }
    }

    @Test func `any node changes members, and is told why not`() async throws {
        try await withCluster(Cluster()) { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(try await cluster.followers().first)
            _ = try await cluster.whileTicking { try await leader.write("before") }
            let fourth = Member(NodeID(4), at: "n4")
            try await cluster.whileTicking { try await follower.change([.addLearner(fourth)]) }
            #expect(try await leader.status.raft.configuration.learners == [NodeID(4)])
            // It is not there yet, and has nothing.
            let early = await #expect(throws: NodeError.self) {
                try await cluster.whileTicking { try await follower.change([.promote(NodeID(4))]) }
            }
            #expect(early?.code == .learnerBehind)
            try cluster.start(4, beginning: .joining(cluster.founders))
            #expect(try await cluster.converge(1) == ["before"])
            #expect(try await cluster[4].status.isLearner)
            try await cluster.until {
                (try? await cluster.whileTicking { try await follower.change([.promote(NodeID(4))]) }) != nil
            }
            #expect(try await cluster[4].status.isLearner == false)
            for change in [MemberChange.promote(NodeID(4)), .update(Member(NodeID(9), at: "n9"))] {
                let error = await #expect(throws: NodeError.self) {
                    try await cluster.whileTicking { try await follower.change([change]) }
                }
                #expect(error?.code == .invalidRequest)
            }
        }
    }

    @Test func `a member that moves is found where it is, also after a restart`() async throws {
        try await withCluster(Cluster()) { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(try await cluster.followers().first)
            let moved = Member(follower.id, at: "elsewhere")
            try await cluster.whileTicking { try await follower.change([.update(moved)]) }
            for node in cluster.nodes {
                try await cluster.until { try await node.status.members.contains(moved) }
                #expect(try await node.status.raft.configuration.voters.count == 3)
            }
            // Not from a snapshot: there is none.
            await cluster.stop(leader.id.rawValue)
            try cluster.start(leader.id.rawValue)
            #expect(try await cluster[leader.id.rawValue].status.members.contains(moved))
        }
    }

    @Test func `a removed node ends, and its number is not used again`() async throws {
        try await withCluster(Cluster()) { cluster in
            let leader = try await cluster.leader()
            let gone = try #require(try await cluster.followers().first).id
            try await cluster.whileTicking { try await leader.change([.remove(gone)]) }
            try await expectRemoved(gone, in: cluster)
            // It has its data still, and comes again.
            try cluster.start(gone.rawValue)
            try await expectRemoved(gone, in: cluster)
            await cluster.stop(gone.rawValue)
            for change in [MemberChange.addVoter(Member(gone, at: "x")), .addLearner(Member(gone, at: "x"))] {
                let error = await #expect(throws: NodeError.self) {
                    try await cluster.whileTicking { try await leader.change([change]) }
                }
                #expect(error?.code == .removed)
            }
            for node in cluster.nodes {
                try await cluster.until { try await node.status.removed == [gone] }
                // Also when all that is left is the snapshot.
                try await node.takeSnapshot()
            }
            for id in cluster.nodes.map(\.id.rawValue) {
                await cluster.stop(id)
                try cluster.start(id)
                #expect(try await cluster[id].status.removed == [gone])
            }
            _ = try await cluster.whileTicking { try await cluster.nodes[0].write("went on") }
        }
    }

    @Test func `who was away when it was removed is told when it comes back`() async throws {
        try await withCluster(Cluster()) { cluster in
            let leader = try await cluster.leader()
            let gone = try #require(try await cluster.followers().first).id
            cluster.network.isolate(gone, from: cluster.founders.map(\.id))
            try await cluster.whileTicking { try await leader.change([.remove(gone)]) }
            for _ in 0..<50 { await cluster.tick() }
            #expect(try await cluster[gone.rawValue].status.removed == [])
            cluster.network.heal()
            try await expectRemoved(gone, in: cluster)
        }
    }

    @Test func `a leader that removes itself says that it did, and ends`() async throws {
        try await withCluster(Cluster()) { cluster in
            let leader = try await cluster.leader()
            try await cluster.whileTicking { try await leader.change([.remove(leader.id)]) }
            try await expectRemoved(leader.id, in: cluster)
            await cluster.stop(leader.id.rawValue)
            let next = try await cluster.leader()
            _ = try await cluster.whileTicking { try await next.write("went on") }
            #expect(try await cluster.converge(1) == ["went on"])
        }
    }

    private func expectRemoved(_ id: NodeID, in cluster: Cluster) async throws {
        let outcome = try await cluster.whileTicking { await cluster.outcome(id.rawValue) }
        let error = #expect(throws: NodeError.self) { try outcome.get() }
        #expect(error?.code == .removed)
        let refused = await #expect(throws: NodeError.self) { try await cluster[id.rawValue].readLocally { $0.lines } }
        #expect(refused?.code == .removed)
    }

    @Test func `a founder is among the founders`() async throws {
        let cluster = Cluster()
        try cluster.start(9)
        let outcome = await cluster.outcome(9)
        let error = #expect(throws: NodeError.self) { try outcome.get() }
        #expect(error?.code == .invalidRequest)
    }
}
