import ApusResilience
import ApusSQL
import ApusTransactions
import TestSupport
import Testing

@Suite struct SagaCoordinatorTests {
    @Test func runsEveryStepInOrderOnce() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        let saga = bench.world.saga()
        coordinator.register(saga)
        try await whileRunning(coordinator) {
            try await coordinator.start(saga, id: "s1", state: Trip())
            try await eventually { try await coordinator.status(of: "s1")?.phase == .succeeded }
        }
        #expect(bench.world.names == ["+a", "+b", "+c"])
        #expect(bench.world.calls.map(\.key) == ["s1/a", "s1/b", "s1/c"])
        let status = try #require(try await coordinator.status(of: "s1"))
        #expect(status.steps.map(\.phase) == [.succeeded, .succeeded, .succeeded])
        #expect(status.endedAt != nil && status.owner == nil && status.error == nil)
    }

    @Test func compensatesInReverseAtOnceWhenAStepAborts() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        let saga = bench.world.saga()
        coordinator.register(saga)
        bench.world.fail("c", with: SagaAbort("declined"))
        try await whileRunning(coordinator) {
            try await coordinator.start(saga, id: "s1", state: Trip())
            try await eventually { try await coordinator.status(of: "s1")?.phase == .compensated }
        }
        #expect(bench.world.names == ["+a", "+b", "+c", "-b", "-a"])
        let status = try #require(try await coordinator.status(of: "s1"))
        #expect(status.steps.map(\.phase) == [.compensated, .compensated, .failed])
        #expect(status.error == "c: declined")
    }
}
