import ApusEtcdAPI
import ApusGRPC
import Foundation
import TestSupport
import Testing

@testable import ApusControlPlane

@Suite("KV service") struct KVServiceTests {
    @Test("A put and a range have etcd's header, and survive a restart")
    func restart() async throws {
        let cluster = try await TestCluster()
        let first = try cluster.start()
        let put = try await first.put("a", "1")
        #expect(put.header.revision == 2)
        let identity = try await first.server.core.identity
        #expect(put.header.clusterID == identity.clusterID)
        #expect(put.header.memberID == identity.memberID)
        #expect(put.header.raftTerm > 0)
        await first.stop()
        let second = try cluster.start()
        #expect(try await second.value("a") == "1")
        #expect(try await second.put("a", "2").header.revision == 3)
        await second.stop()
    }

    @Test("Three members take writes and answer reads with them, whichever is asked")
    func three() async throws {
        try await TestCluster.with(members: 3) { members in
            for (number, member) in members.enumerated() { _ = try await member.put("k\(number)", "v\(number)") }
            for member in members {
                for number in 0..<3 { #expect(try await member.value("k\(number)") == "v\(number)") }
            }
        }
    }

    @Test("The IDs are those that etcd computes")
    func identity() {
        // `etcd --name default` with its defaults logs cdf818194e3a8c32 as the cluster and 8e9e05c52164694d as the member.
        let member = ClusterIdentity.memberID(peerURLs: ["http://localhost:2380"], token: "etcd-cluster")
        #expect(member.hex == "8e9e05c52164694d")
        #expect(ClusterIdentity.clusterID(founders: [member]).hex == "cdf818194e3a8c32")
    }
}
