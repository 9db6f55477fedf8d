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

    @Test func `only the leader changes members, and says who that is`() async throws {
        try await withCluster(Cluster()) { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(try await cluster.followers().first)
            let error = await #expect(throws: NodeError.self) { try await follower.change([.remove(leader.id)]) }
            #expect(error?.code == .notLeader)
            #expect(error?.leader == Member(leader.id, at: "n\(leader.id)"))
        }
    }

    @Test func `a founder is among the founders`() async throws {
        let cluster = Cluster()
        try cluster.start(9)
        let outcome = await cluster.outcome(9)
        let error = #expect(throws: NodeError.self) { try outcome.get() }
        #expect(error?.code == .invalidRequest)
    }
}
