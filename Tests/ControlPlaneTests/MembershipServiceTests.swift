import ApusEtcdAPI
import ApusGRPC
import Foundation
import Logging
import SwiftProtobuf
import TestSupport
import Testing

@testable import ApusControlPlane

@Suite("Members that come and go, and a quota") struct MembershipServiceTests {
    /// Etcd wants the others to have been in touch for a while.
    private func insist<Reply>(_ body: () async throws -> Reply) async throws -> Reply {
        var reply: Reply?
        try await eventually {
            do {
                reply = try await body()
                return true
            } catch let error as GRPCError where error.code == .unavailable {
                return false
            }
        }
        return try #require(reply)
    }

    private func members(_ member: TestMember) async throws -> [EtcdMember] {
        let response: EtcdMemberListResponse = try await member.call(
            "\(EtcdService.cluster)/MemberList", EtcdMemberListRequest.with { $0.linearizable = true })
        return response.members
    }

    @Test(
        "A member joins with the log of the cluster, votes, and takes over when the founder goes; the removed one ends")
    func join() async throws {
        let cluster = try await TestCluster(members: 2)
        // The first founds a cluster alone, the second is to join it.
        var alone = cluster.settings[0]
        alone.initialCluster = [alone.initialCluster[0]]
        let founder = try TestMember.start(alone)
        for number in 0..<50 { _ = try await founder.put("k\(number)", "v") }
        let own = try await members(founder)
        #expect(own.map(\.name) == ["m0"])

        let added: EtcdMemberAddResponse = try await insist {
            try await founder.call(
                "\(EtcdService.cluster)/MemberAdd",
                EtcdMemberAddRequest.with { $0.peerUrls = cluster.settings[1].initialAdvertisePeerURLs })
        }
        #expect(added.members.count == 2)
        var joining = cluster.settings[1]
        joining.isNew = false
        let joiner = try TestMember.start(joining)
        #expect(try await joiner.value("k49") == "v")
        try await eventually { try await members(founder).map(\.name).sorted() == ["m0", "m1"] }
        #expect(try await members(joiner).first { $0.name == "m1" }?.id == added.member.id)

        // Its data folder knows who it is: the flags mean nothing any more.
        await joiner.stop()
        joining.isNew = true
        joining.initialCluster = []
        let again = try TestMember.start(joining)
        _ = try await again.put("after", "restart")

        let _: EtcdMemberRemoveResponse = try await insist {
            try await again.call(
                "\(EtcdService.cluster)/MemberRemove", EtcdMemberRemoveRequest.with { $0.id = own[0].id })
        }
        #expect(try await members(again).map(\.name) == ["m1"])
        _ = try await again.put("alone", "now")
        #expect(try await again.value("k0") == "v")
        await founder.stop()
        await again.stop()
    }

    @Test("The leader is told to go by a follower, which is answered before there could be an election")
    func leaderLeaves() async throws {
        try await TestCluster.with(members: 3, { $0.electionTimeout = .seconds(4) }) { members in
            _ = try await members[0].put("a", "b")
            let status: EtcdStatusResponse = try await members[0].call(
                "\(EtcdService.maintenance)/Status", EtcdStatusRequest())
            let list = try await self.members(members[0])
            let leader = try #require(list.first { $0.id == status.leader })
            let follower = try #require(zip(members, 0...).first { "m\($0.1)" != leader.name }?.0)
            let clock = ContinuousClock()
            let start = clock.now
            let removed: EtcdMemberRemoveResponse = try await insist {
                try await follower.call(
                    "\(EtcdService.cluster)/MemberRemove", EtcdMemberRemoveRequest.with { $0.id = leader.id })
            }
            _ = try await follower.put("a", "c")
            #expect(clock.now - start < .seconds(4))
            #expect(removed.members.map(\.id) == list.map(\.id).filter { $0 != leader.id })
        }
    }

    @Test("A change that could leave too few is refused, unless the check was turned off", arguments: [true, false])
    func strict(isStrict: Bool) async throws {
        try await TestCluster.with(members: 2) { settings in
            settings.strictReconfigurationCheck = isStrict
        } _: { members in
            func add(_ url: String) async throws {
                let _: EtcdMemberAddResponse = try await members[0].call(
                    "\(EtcdService.cluster)/MemberAdd", EtcdMemberAddRequest.with { $0.peerUrls = [url] })
            }
            try await insist { try await add("http://127.0.0.1:1") }
            // Two of three have started. Another one would make that two of four.
            do {
                try await add("http://127.0.0.1:2")
                #expect(!isStrict)
            } catch let error as GRPCError {
                #expect(isStrict)
                #expect(error.code == .failedPrecondition)
                #expect(error.message == "etcdserver: re-configuration failed due to not enough started members")
            }
        }
    }

    @Test("Who is to join and is not expected is told why")
    func uninvited() async throws {
        let cluster = try await TestCluster(members: 2)
        var alone = cluster.settings[0]
        alone.initialCluster = [alone.initialCluster[0]]
        let founder = try TestMember.start(alone)
        _ = try await founder.put("a", "b")
        var stranger = cluster.settings[1]
        stranger.isNew = false
        let plan = ClusterPlan.self
        let error = await #expect(throws: ControlPlaneError.self) {
            try await plan.make(stranger, patience: .zero, logger: .init(label: "test"))
        }
        #expect(error?.code == .cannotJoin)
        #expect(error?.message.contains("member count is unequal") == true, "\(String(describing: error))")
        await founder.stop()
    }

    @Test("At the quota writes that grow are refused until room is made and the alarm disarmed")
    func quota() async throws {
        try await TestCluster.with(members: 1, { $0.quotaBytes = 100_000 }) { members in
            let member = members[0]
            let value = String(repeating: "x", count: 1_000)
            var written = 0
            let refused = await #expect(throws: GRPCError.self) {
                while written < 1_000 {
                    _ = try await member.put("k", value)
                    written += 1
                }
            }
            #expect(refused?.code == .resourceExhausted)
            #expect(refused?.message == EtcdError.noSpace.message)
            #expect(written > 20)
            func alarm(
                _ action: EtcdAlarmRequest.AlarmAction, by id: UInt64 = 0
            ) async throws -> [EtcdAlarmMember] {
                let response: EtcdAlarmResponse = try await member.call(
                    "\(EtcdService.maintenance)/Alarm",
                    EtcdAlarmRequest.with {
                        $0.action = action
                        $0.alarm = action == .get ? .none : .nospace
                        $0.memberID = id
                    })
                return response.alarms
            }
            try await eventually { try await alarm(.get).map(\.alarm) == [.nospace] }
            // A small one is refused too, now that the alarm is raised.
            await #expect(throws: GRPCError.self) { _ = try await member.put("small", "") }
            #expect(try await member.value("k") == value)
            let revision = try await member.range("k").header.revision
            let _: EtcdCompactionResponse = try await member.call(
                "\(EtcdService.kv)/Compact", EtcdCompactionRequest.with { $0.revision = revision })
            #expect(try await alarm(.deactivate, by: alarm(.get)[0].memberID).count == 1)
            _ = try await member.put("k", value)
        }
    }
}
