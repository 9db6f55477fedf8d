import ApusEtcdAPI
import ApusGRPC
import Foundation
import SwiftProtobuf
import TestSupport
import Testing

@testable import ApusControlPlane

@Suite("Lock and Election services") struct ConcurrencyTests {
    private func lock(_ member: TestMember, _ name: String, _ lease: Int64) async throws -> EtcdLockResponse {
        try await member.call(
            "\(EtcdService.lock)/Lock",
            EtcdLockRequest.with {
                $0.name = Data(name.utf8)
                $0.lease = lease
            })
    }

    @Test("A lock has one owner at a time, in the order in which they came; its key is the name and the lease")
    func lock() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            let (first, second) = (try await member.grant(ttl: 60).id, try await member.grant(ttl: 60).id)
            let mine = try await lock(member, "l", first)
            #expect(mine.key == Data("l/\(String(first, radix: 16))".utf8))
            #expect(try await lock(member, "l", first).key == mine.key)
            async let waiting = lock(member, "l", second)
            try await eventually { try await member.range("l/", end: "l0").count == 2 }
            let _: EtcdUnlockResponse = try await member.call(
                "\(EtcdService.lock)/Unlock", EtcdUnlockRequest.with { $0.key = mine.key })
            #expect(try await waiting.key == Data("l/\(String(second, radix: 16))".utf8))
        }
    }

    @Test("Whoever stops waiting for a lock leaves the queue; the owner's key stays")
    func cancelled() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            let (first, second) = (try await member.grant(ttl: 60).id, try await member.grant(ttl: 60).id)
            _ = try await lock(member, "l", first)
            let waiting = Task { try await lock(member, "l", second) }
            try await eventually { try await member.range("l/", end: "l0").count == 2 }
            waiting.cancel()
            try await eventually { try await member.range("l/", end: "l0").count == 1 }
            #expect(try await member.value("l/\(String(first, radix: 16))") != nil)
        }
    }

    @Test("An election: who came first is elected, proclaims, resigns, and the next one follows; observers see it all")
    func election() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            let (first, second) = (try await member.grant(ttl: 60).id, try await member.grant(ttl: 60).id)
            func campaign(_ lease: Int64, _ value: String) async throws -> EtcdCampaignResponse {
                try await member.call(
                    "\(EtcdService.election)/Campaign",
                    EtcdCampaignRequest.with {
                        $0.name = Data("e".utf8)
                        $0.lease = lease
                        $0.value = Data(value.utf8)
                    })
            }
            let name = EtcdLeaderRequest.with { $0.name = Data("e".utf8) }
            do {
                let _: EtcdLeaderResponse = try await member.call("\(EtcdService.election)/Leader", name)
                Issue.record("somebody is elected")
            } catch let error as GRPCError {
                #expect(error.code == .unknown && error.message == "election: no leader")
            }
            try await member.client.serverStream(
                "\(EtcdService.election)/Observe", name, reply: EtcdLeaderResponse.self,
                options: GRPCCallOptions(timeout: .seconds(60))
            ) { seen in
                let leader = try await campaign(first, "one").leader
                #expect(try await seen.next()?.kv.value == Data("one".utf8))
                async let next = campaign(second, "two")
                try await eventually { try await member.range("e/", end: "e0").count == 2 }
                let _: EtcdProclaimResponse = try await member.call(
                    "\(EtcdService.election)/Proclaim",
                    EtcdProclaimRequest.with {
                        $0.leader = leader
                        $0.value = Data("one again".utf8)
                    })
                #expect(try await seen.next()?.kv.value == Data("one again".utf8))
                let _: EtcdResignResponse = try await member.call(
                    "\(EtcdService.election)/Resign", EtcdResignRequest.with { $0.leader = leader })
                #expect(try await next.leader.lease == second)
                #expect(try await seen.next()?.kv.value == Data("two".utf8))
            }
        }
    }
}
