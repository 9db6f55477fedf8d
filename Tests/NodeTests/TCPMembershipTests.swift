import ApusNode
import ApusPrimitives
import ApusRaft
import TestSupport
import Testing

/// Members that change, over real sockets: who is not known has no connection.
@Suite struct TCPMembershipTests {
    @Test func `who was away while all others were replaced is brought up to date by members it has never heard of`()
        async throws
    {
        let ports = try await freePorts(5)
        let address: @Sendable (NodeID) -> String = { "127.0.0.1:\(ports[Int($0.rawValue - 1)])" }
        var settings = NodeSettings.test
        // An entry or two in a message: the one that tells of the new members is far away.
        settings.raft.maximumMessageBytes = 16
        let cluster = Cluster(
            settings: settings,
            transport: { id in
                // Safe: the address is well-formed.
                try! TCPTransport(listeningOn: address(id), cluster: "test", settings: .quick, logger: .silent)
            }, address: address)
        try await withCluster(cluster) { cluster in
            _ = try await cluster.leader()
            await cluster.stop(3)
            _ = try await cluster.leader()
            for count in 0..<40 {
                _ = try await cluster.whileTicking { try await cluster.nodes[0].write("early \(count)") }
            }
            for id in [4, 5] as [UInt64] {
                try cluster.start(id, beginning: .joining(cluster.founders))
                let member = Member(NodeID(id), at: address(NodeID(id)))
                try await cluster.whileTicking { try await cluster[2].change([.addVoter(member)]) }
            }
            _ = try await cluster.converge(40)
            for id in [1, 2] as [UInt64] {
                try await cluster.whileTicking { try await cluster[5].change([.remove(NodeID(id))]) }
                await cluster.stop(id)
            }
            _ = try await cluster.whileTicking { try await cluster[4].write("late") }
            try cluster.start(3)
            #expect(try await cluster.converge(41).last == "late")
            #expect(try await cluster[3].status.raft.configuration.voters == (3...5).map { NodeID($0) })
        }
    }
}
