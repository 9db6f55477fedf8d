import ApusPrimitives
import ApusResilience
import ApusSQL
import ServiceLifecycle
import TestSupport
import Testing

@testable import ApusTransactions

/// Claims, take-overs, and what ends them.
@Suite struct SagaRecoveryTests {
    /// A saga whose only step waits until it is let go, or cancelled.
    private func blocking(_ gate: Locked<Int>, begun: Locked<[Int64]>) -> Saga<Trip> {
        Saga(
            "blocking",
            steps: [
                SagaStep("wait", timeout: .seconds(100_000)) { state, context in
                    begun.withLock { $0.append(context.fencingToken) }
                    try await eventually(within: .seconds(60)) { gate.withLock { $0 } != 0 }
                    state.done.append("wait")
                }
            ])
    }

    @Test func aRestartOfTheSameSlotGoesOnAtOnce() async throws {
        let bench = try await Bench()
        let gate = Locked(0)
        let begun = Locked<[Int64]>([])
        let saga = blocking(gate, begun: begun)
        let dead = CrashingDatabase(bench.database)
        let first = bench.coordinator("order-1", on: dead)
        first.register(saga)
        try await whileRunning(first) {
            try await first.start(saga, id: "s1", state: Trip())
            try await eventually { begun.withLock { $0 } == [1] }
            dead.die()
        }
        gate.withLock { $0 = 1 }
        let second = bench.coordinator("order-1")
        second.register(saga)
        try await whileRunning(second) {
            try await eventually { try await second.status(of: "s1")?.phase == .succeeded }
        }
        #expect(begun.withLock { $0 } == [1, 2], "the new run has a higher fencing token")
    }

    @Test func anotherSlotWaitsForTheClaimToExpire() async throws {
        let bench = try await Bench()
        let gate = Locked(0)
        let begun = Locked<[Int64]>([])
        let saga = blocking(gate, begun: begun)
        let dead = CrashingDatabase(bench.database)
        let first = bench.coordinator("order-1", on: dead)
        first.register(saga)
        try await whileRunning(first) {
            try await first.start(saga, id: "s1", state: Trip())
            try await eventually { begun.withLock { $0 } == [1] }
            dead.die()
        }
        gate.withLock { $0 = 1 }
        let second = bench.coordinator("order-2")
        second.register(saga)
        try await whileRunning(second) {
            for _ in 0..<9 {
                try await bench.clock.waitForSleepers(3)
                #expect(begun.withLock { $0 } == [1])
                bench.clock.advance(by: .seconds(1))
            }
            try await eventually {
                bench.clock.advance(by: .milliseconds(500))
                return try await second.status(of: "s1")?.phase == .succeeded
            }
        }
        #expect(begun.withLock { $0 } == [1, 2])
    }

    @Test func anOwnerThatRenewsItsClaimKeepsIt() async throws {
        let bench = try await Bench()
        let gate = Locked(0)
        let begun = Locked<[Int64]>([])
        let saga = blocking(gate, begun: begun)
        let first = bench.coordinator("order-1")
        let second = bench.coordinator("order-2")
        first.register(saga)
        second.register(saga)
        try await whileRunning(first) {
            try await first.start(saga, id: "s1", state: Trip())
            try await eventually { begun.withLock { $0 } == [1] }
            try await whileRunning(second) {
                for _ in 0..<60 {
                    // Each of the two: its renewal, its poll and its housekeeping; and the timeout of the step.
                    try await bench.clock.waitForSleepers(7)
                    bench.clock.advance(by: .milliseconds(500))
                    let due = try await dueTime(bench, "s1")
                    try await eventually { try await dueTime(bench, "s1") >= min(due, bench.now + 6_000) }
                }
                gate.withLock { $0 = 1 }
                try await eventually { try await second.status(of: "s1")?.phase == .succeeded }
            }
        }
        #expect(begun.withLock { $0 } == [1])
    }

    private func dueTime(_ bench: Bench, _ id: String) async throws -> Int64 {
        try await bench.database.read { try $0.queryValue("SELECT due_at_ms FROM apus_sagas WHERE id = \(id)") ?? 0 }
    }

    @Test func aCoordinatorThatLostItsClaimWritesNothingMore() async throws {
        let bench = try await Bench()
        let gate = Locked(0)
        let begun = Locked<[Int64]>([])
        let saga = Saga<Trip>(
            "two",
            steps: [
                blocking(gate, begun: begun).steps[0],
                SagaStep("after") { _, context in try bench.world.call(context) },
            ])
        let first = bench.coordinator("order-1")
        first.register(saga)
        try await whileRunning(first) {
            try await first.start(saga, id: "s1", state: Trip())
            try await eventually { begun.withLock { $0 } == [1] }
            // Somebody else claims it, with the next token.
            _ = try await bench.database.transaction {
                try $0.execute(
                    "UPDATE apus_sagas SET owner = 'order-9', run = 'x', token = 2, due_at_ms = \(Int64.max - 1)")
            }
            gate.withLock { $0 = 1 }
            try await eventually { first.active.withLock { $0.ids.isEmpty } }
        }
        let status = try #require(try await first.status(of: "s1"))
        #expect(status.fencingToken == 2 && status.owner == "order-9" && status.steps[0].phase == .running)
        #expect(bench.world.calls.isEmpty)
    }

    /// As after a pause of the whole process: the claims have expired before they were renewed.
    @Test func aCoordinatorWhoseClaimsExpiredStartsOver() async throws {
        let bench = try await Bench()
        let gate = Locked(0)
        let begun = Locked<[Int64]>([])
        let saga = blocking(gate, begun: begun)
        let coordinator = bench.coordinator()
        coordinator.register(saga)
        try await whileRunning(coordinator) {
            for round in 1...3 {
                let before = begun.withLock { $0.count }
                try await coordinator.start(saga, id: "s\(round)", state: Trip())
                try await eventually { begun.withLock { $0.count } == before + 1 }
                bench.clock.advance(by: .seconds(60))
                try await eventually { begun.withLock { $0.count } == before + 1 + round }
            }
            gate.withLock { $0 = 1 }
            for round in 1...3 {
                try await eventually { try await coordinator.status(of: "s\(round)")?.phase == .succeeded }
            }
        }
        #expect(begun.withLock { $0.sorted() } == [1, 1, 1, 2, 2, 2, 3, 3, 4])
    }

    @Test func severalCoordinatorsNeverRunOneSagaTwice() async throws {
        let bench = try await Bench()
        let saga = bench.world.saga()
        let coordinators = (1...4).map { bench.coordinator("order-\($0)") }
        for coordinator in coordinators { coordinator.register(saga) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for coordinator in coordinators { group.addTask { try await coordinator.run() } }
            for id in 0..<100 {
                try await coordinators[0].start(saga, id: "s\(id)", state: Trip())
                for coordinator in coordinators { coordinator.wake("s\(id)") }
            }
            try await eventually {
                try await coordinators[0].recent(limit: 1_000).allSatisfy { $0.phase == .succeeded }
            }
            group.cancelAll()
        }
        #expect(bench.world.calls.count == 300)
        #expect(Set(bench.world.calls.map(\.key)).count == 300)
    }

    @Test func aGracefulStopReachesTheNextDurablePointAndLetsGo() async throws {
        let bench = try await Bench()
        let gate = Locked(0)
        let begun = Locked<[Int64]>([])
        let saga = Saga<Trip>(
            "two",
            steps: [
                blocking(gate, begun: begun).steps[0],
                SagaStep("after") { _, context in try bench.world.call(context) },
            ])
        let first = bench.coordinator("order-1")
        first.register(saga)
        let group = ServiceGroup(services: [first], logger: first.logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await first.start(saga, id: "s1", state: Trip())
            try await eventually { begun.withLock { $0 } == [1] }
            await group.triggerGracefulShutdown()
            try await eventually { first.isStopping }
            gate.withLock { $0 = 1 }
            try await tasks.waitForAll()
        }
        let stopped = try #require(try await first.status(of: "s1"))
        #expect(stopped.owner == nil && stopped.steps.map(\.phase) == [.succeeded, .pending])
        #expect(bench.world.calls.isEmpty)
        // Another goes on at once, from there.
        let second = bench.coordinator("order-2")
        second.register(saga)
        try await whileRunning(second) {
            try await eventually { try await second.status(of: "s1")?.phase == .succeeded }
        }
        #expect(begun.withLock { $0 } == [1] && bench.world.names == ["+after"])
    }

    @Test func aStepThatDoesNotEndIsLeftWhenTheStopTakesTooLong() async throws {
        let bench = try await Bench()
        let begun = Locked<[Int64]>([])
        let saga = blocking(Locked(0), begun: begun)
        let first = bench.coordinator("order-1")
        first.register(saga)
        let group = ServiceGroup(services: [first], logger: first.logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await first.start(saga, id: "s1", state: Trip())
            try await eventually { begun.withLock { $0 } == [1] }
            await group.triggerGracefulShutdown()
            try await eventually {
                bench.clock.advance(by: .seconds(1))
                return first.active.withLock { $0.ids.isEmpty }
            }
            try await tasks.waitForAll()
        }
        let status = try #require(try await first.status(of: "s1"))
        #expect(status.owner == nil && status.steps[0].phase == .running)
    }
}
