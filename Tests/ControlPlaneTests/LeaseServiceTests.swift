import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Foundation
import SwiftProtobuf
import TestSupport
import Testing

@testable import ApusControlPlane

@Suite("Lease service") struct LeaseServiceTests {
    @Test("A lease takes its keys along when it is revoked, and its answers are etcd's")
    func life() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            let grant = try await member.grant(ttl: 100)
            #expect(grant.id > 0 && grant.ttl == 100)
            _ = try await member.put("a", "1", lease: grant.id)
            let left = try await member.timeToLive(grant.id)
            #expect(left.grantedTtl == 100 && (98...100).contains(left.ttl) && left.keys == [Data("a".utf8)])
            let _: EtcdLeaseRevokeResponse = try await member.call(
                "\(EtcdService.lease)/LeaseRevoke", EtcdLeaseRevokeRequest.with { $0.id = grant.id })
            #expect(try await member.value("a") == nil)
            #expect(try await member.timeToLive(grant.id).ttl == -1)
            await #expect(throws: GRPCError.self) { try await member.put("a", "1", lease: grant.id) }
            await #expect(throws: GRPCError.self) { try await member.grant(ttl: 9_000_000_001) }
        }
    }

    @Test("A lease that nobody keeps alive ends; one that is kept alive does not")
    func expiry() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            let (short, kept) = (try await member.grant(ttl: 1), try await member.grant(ttl: 1))
            _ = try await member.put("short", "1", lease: short.id)
            _ = try await member.put("kept", "1", lease: kept.id)
            try await member.keepAlive { alive in
                try await eventually {
                    let seconds = try await alive(kept.id)
                    #expect(seconds == 1)
                    return try await member.value("short") == nil
                }
                #expect(try await member.value("kept") == "1")
                let seconds = try await alive(short.id)
                #expect(seconds == 0)
            }
        }
    }

    @Test("What a leader decided to end, and proposes when another leads, ends nothing")
    func staleEnd() throws {
        var machine = ControlMachine(cluster: ClusterBook([.init(id: 9, name: "m", peerURLs: ["http://127.0.0.1:1"])]))
        try machine.store.grant(LeaseID(5), ttlSeconds: 10, at: .zero)
        let end = ControlCommand.expire(LeaseID(5), Term(3)).encoded()
        let late = machine.apply(end[...], at: LogIndex(2), term: Term(4))
        #expect(throws: EtcdError.notLeader) { try late.result.get() }
        #expect(machine.store.lease(LeaseID(5)) != nil)
        _ = machine.apply(end[...], at: LogIndex(3), term: Term(3))
        #expect(machine.store.lease(LeaseID(5)) == nil)
    }

    @Test("Many keep-alives on one stream are all answered")
    func many() async throws {
        try await TestCluster.with { members in
            let member = members[0]
            let id = try await member.grant(ttl: 60).id
            try await member.client.bidirectional(
                "\(EtcdService.lease)/LeaseKeepAlive", request: EtcdLeaseKeepAliveRequest.self,
                reply: EtcdLeaseKeepAliveResponse.self, options: GRPCCallOptions(timeout: .seconds(60))
            ) { call in
                for _ in 0..<2_000 { try await call.requests.send(.with { $0.id = id }) }
                call.finishSending()
                var answers = 0
                while let answer = try await call.replies.next() {
                    #expect(answer.ttl == 60)
                    answers += 1
                }
                #expect(answers == 2_000)
            }
        }
    }

    @Test("Followers ask the leader, and a new leader begins every lease anew")
    func cluster() async throws {
        try await TestCluster.with(members: 3) { members in
            let id = try await members[0].grant(ttl: 30).id
            for member in members {
                #expect(try await member.timeToLive(id).grantedTtl == 30)
                try await member.keepAlive { alive in
                    let seconds = try await alive(id)
                    #expect(seconds == 30)
                }
            }
            let leader = try await members[0].server.core.node.standing.leader
            for member in members where try await member.server.core.node.id == leader { await member.stop() }
            for member in members where try await member.server.core.node.id != leader {
                try await eventually { try await member.timeToLive(id).ttl >= 25 }
            }
        }
    }
}

extension TestMember {
    func grant(ttl: Int64, id: Int64 = 0) async throws -> EtcdLeaseGrantResponse {
        try await call(
            "\(EtcdService.lease)/LeaseGrant",
            EtcdLeaseGrantRequest.with {
                $0.ttl = ttl
                $0.id = id
            })
    }

    func timeToLive(_ id: Int64) async throws -> EtcdLeaseTimeToLiveResponse {
        try await call(
            "\(EtcdService.lease)/LeaseTimeToLive",
            EtcdLeaseTimeToLiveRequest.with {
                $0.id = id
                $0.keys = true
            })
    }

    /// - Parameter body: gets what keeps a lease alive and answers with its seconds.
    func keepAlive(_ body: ((Int64) async throws -> Int64) async throws -> Void) async throws {
        try await client.bidirectional(
            "\(EtcdService.lease)/LeaseKeepAlive", request: EtcdLeaseKeepAliveRequest.self,
            reply: EtcdLeaseKeepAliveResponse.self, options: GRPCCallOptions(timeout: .seconds(60))
        ) { call in
            try await body { id in
                try await call.requests.send(.with { $0.id = id })
                return try await call.replies.next()?.ttl ?? -2
            }
            call.finishSending()
        }
    }
}

@Suite("Lease clock") struct LeaseClockTests {
    private func at(_ seconds: Int64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    @Test("A lease that was begun anew ends later, and is told once")
    func renewal() {
        var clock = LeaseClock()
        clock.start(LeaseID(1), ttlSeconds: 10, at: at(0))
        clock.start(LeaseID(2), ttlSeconds: 5, at: at(0))
        clock.start(LeaseID(1), ttlSeconds: 10, at: at(8))
        #expect(clock.expired(at: at(12), limit: 10) == [LeaseID(2)])
        #expect(clock.expired(at: at(17), limit: 10) == [])
        #expect(clock.expired(at: at(18), limit: 10) == [LeaseID(1)])
        #expect(clock.expired(at: at(99), limit: 10) == [])
        clock.retry(LeaseID(1), at: at(100))
        #expect(clock.expired(at: at(99), limit: 10) == [])
        #expect(clock.expired(at: at(100), limit: 10) == [LeaseID(1)])
    }

    @Test("It agrees with a list that is looked through, whatever happens")
    func model() {
        for seed in UInt64(1)...50 {
            var random = SeededRandom(seed: seed)
            var clock = LeaseClock()
            var ends: [LeaseID: Int64] = [:]
            for second in Int64(0)..<400 {
                let id = LeaseID(Int64.random(in: 1...20, using: &random))
                if Bool.random(using: &random) {
                    let ttl = Int64.random(in: 1...60, using: &random)
                    // The keeper renews with the granted time, which does not shrink.
                    guard second + ttl >= ends[id] ?? 0 else { continue }
                    clock.start(id, ttlSeconds: ttl, at: at(second))
                    ends[id] = second + ttl
                } else if Int.random(in: 0..<4, using: &random) == 0 {
                    clock.end(id)
                    ends[id] = nil
                }
                let expected = Set(ends.filter { $0.value <= second }.keys)
                let found = clock.expired(at: at(second), limit: 100)
                #expect(Set(found) == expected, "seed \(seed), second \(second)")
                for id in found {
                    clock.end(id)
                    ends[id] = nil
                }
            }
        }
    }

    @Test("Leases that come and go leave no more behind than a bound")
    func bound() {
        var clock = LeaseClock()
        for number in 1...10_000 {
            clock.start(LeaseID(Int64(number)), ttlSeconds: 1_000_000, at: at(0))
            clock.end(LeaseID(Int64(number)))
        }
        #expect(clock.count == 0 && clock.queued <= 1_100)
    }
}
