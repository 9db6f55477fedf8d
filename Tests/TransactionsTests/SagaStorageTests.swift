import ApusPrimitives
import ApusResilience
import ApusSQL
import Foundation
import TestSupport
import Testing

@testable import ApusTransactions

/// What is stored and who may read it.
@Suite struct SagaStorageTests {
    @Test func aSagaExistsIfAndOnlyIfItsTransactionIsCommitted() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        let saga = bench.world.saga()
        coordinator.register(saga)
        await #expect(throws: Broken.self) {
            try await bench.database.transaction { connection in
                try coordinator.enqueue(saga, id: "s1", state: Trip(), in: connection)
                throw Broken()
            }
        }
        #expect(try await coordinator.status(of: "s1") == nil)
        try await coordinator.start(saga, id: "s1", state: Trip())
        let error = await #expect(throws: SQLError.self) { try await coordinator.start(saga, id: "s1", state: Trip()) }
        #expect(error?.code == .uniqueViolation)
    }

    @Test func aChangedDefinitionIsShownAsStuckAndGoesOnWhenItIsBack() async throws {
        let bench = try await Bench()
        try await bench.coordinator().start(bench.world.saga(["a", "b"]), id: "s1", state: Trip())
        let changed = bench.coordinator()
        changed.register(bench.world.saga(["a", "renamed"]))
        try await whileRunning(changed) {
            try await eventually { try await changed.status(of: "s1")?.phase == .stuck }
        }
        #expect(try await changed.status(of: "s1")?.error == "the saga trip has no step b any more")
        #expect(bench.world.calls.isEmpty)
        let back = bench.coordinator()
        back.register(bench.world.saga(["a", "b", "added"]))
        try await whileRunning(back) {
            try await eventually { try await back.status(of: "s1")?.phase == .succeeded }
        }
        #expect(bench.world.names == ["+a", "+b"], "a saga keeps the steps it began with")
    }

    @Test func aStateThatDoesNotDecodeIsStuck() async throws {
        struct Other: Codable { let number: Int }
        let bench = try await Bench()
        try await bench.coordinator().start(
            Saga<Other>("trip", steps: [SagaStep("a") { _, _ in }]), id: "s1", state: Other(number: 1))
        let coordinator = bench.coordinator()
        coordinator.register(bench.world.saga(["a"]))
        try await whileRunning(coordinator) {
            try await eventually { try await coordinator.status(of: "s1")?.phase == .stuck }
        }
        #expect(try await coordinator.status(of: "s1")?.error?.contains("does not decode") == true)
    }

    @Test func aSagaThatNobodyKnowsIsShownAsStuckAndLeftAlone() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        try await coordinator.start(bench.world.saga(), id: "s1", state: Trip())
        let status = try #require(try await coordinator.recent(limit: 10).first)
        #expect(status.phase == .stuck && status.error == "no saga called trip is registered here")
        #expect(try await coordinator.store.countStuck(known: ["other"], at: bench.now) == 1)
    }

    @Test func aDamagedRowDoesNotKeepTheOthersWaiting() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        let saga = bench.world.saga()
        coordinator.register(saga)
        try await coordinator.start(saga, id: "s1", state: Trip())
        _ = try await bench.database.transaction { try $0.execute("UPDATE apus_sagas SET steps = 'rubbish'") }
        try await whileRunning(coordinator) {
            try await coordinator.start(saga, id: "s2", state: Trip())
            try await eventually { try await coordinator.status(of: "s2")?.phase == .succeeded }
        }
        let damaged = try #require(try await coordinator.recent(limit: 10).first { $0.id == "s1" })
        #expect(damaged.phase == .stuck && damaged.error?.contains("does not decode") == true)
    }

    @Test func aLateSaveNeitherShortensAClaimNorWritesUnderAnOlderToken() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        let saga = bench.world.saga(["a"])
        coordinator.register(saga)
        try await coordinator.start(saga, id: "s1", state: Trip())
        let store = coordinator.store
        let now = bench.now
        let found = try await store.claim(["trip"], limit: 1, excluding: [], at: now, until: now + 1_000)
        let claimed = try #require(found.sagas.first)
        let token = claimed.fencingToken
        try await store.renew(until: now + 60_000)
        let saved = try await store.save(claimed.record, token: token, claim: .kept, keptUntil: now + 1_000)
        #expect(saved)
        let later = try await store.claim(["trip"], limit: 1, excluding: [], at: now + 30_000, until: now + 90_000)
        #expect(later.sagas.isEmpty)
        let old = try await store.save(claimed.record, token: token - 1, claim: .kept, keptUntil: now + 90_000)
        #expect(!old)
    }

    @Test func endedSagasAreDeletedAfterTheRetentionAndOthersAreNot() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator {
            $0.retention = .seconds(3_600)
            $0.purgeBatch = 2
        }
        let saga = bench.world.saga(["a"])
        coordinator.register(saga)
        try await whileRunning(coordinator) {
            for id in 0..<5 { try await coordinator.start(saga, id: "s\(id)", state: Trip()) }
            try await eventually { try await coordinator.recent(limit: 10).allSatisfy { $0.phase == .succeeded } }
        }
        bench.world.fail("a", with: Broken())
        try await coordinator.start(
            Saga<Trip>("unknown", steps: [SagaStep("x") { _, _ in }]), id: "open", state: Trip())
        bench.clock.advance(by: .seconds(3_601))
        try await whileRunning(coordinator) {
            try await eventually { try await coordinator.recent(limit: 10).map(\.id) == ["open"] }
        }
    }
}
