import ApusPrimitives
import ApusResilience
import ApusSQL
import Foundation
import TestSupport
import Testing

@testable import ApusTransactions

/// Retries, waits, and what a person sees.
@Suite struct SagaRetryTests {
    @Test func aLostAnswerIsAskedForAgainWithTheSameKey() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        let saga = bench.world.saga(["a", "b"])
        coordinator.register(saga)
        bench.world.fail("a", with: Broken(), Broken())
        try await whileRunning(coordinator) {
            try await coordinator.start(saga, id: "s1", state: Trip())
            try await eventually { try await coordinator.status(of: "s1")?.steps[0].retryAt != nil }
            let waiting = try #require(try await coordinator.status(of: "s1"))
            #expect(waiting.steps[0].error == "broken" && waiting.steps[0].attempts == 1 && waiting.owner == nil)
            #expect(waiting.steps[0].retryAt == Date(milliseconds: bench.now + 1_000))
            try await eventually {
                bench.clock.advance(by: .milliseconds(100))
                return try await coordinator.status(of: "s1")?.phase == .succeeded
            }
        }
        #expect(bench.world.names == ["+a", "+a", "+a", "+b"])
        #expect(bench.world.calls.map(\.attempt) == [1, 2, 3, 1])
        #expect(Set(bench.world.calls.map(\.key)) == ["s1/a", "s1/b"])
    }

    @Test func afterTheLastAttemptTheStepItselfIsCompensatedToo() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        let saga = bench.world.saga(retry: RetryPolicy(maxAttempts: 2, baseDelay: .zero))
        coordinator.register(saga)
        bench.world.fail("b", with: Broken(), Broken())
        try await whileRunning(coordinator) {
            try await coordinator.start(saga, id: "s1", state: Trip())
            try await eventually { try await coordinator.status(of: "s1")?.phase == .compensated }
        }
        #expect(bench.world.names == ["+a", "+b", "+b", "-b", "-a"])
        let status = try #require(try await coordinator.status(of: "s1"))
        #expect(status.steps.map(\.phase) == [.compensated, .compensated, .skipped] && status.error == "b: broken")
    }

    @Test func anAbortAfterALostAnswerCompensatesTheStepToo() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        let saga = bench.world.saga(retry: RetryPolicy(maxAttempts: 3, baseDelay: .zero))
        coordinator.register(saga)
        bench.world.fail("b", with: Broken(), SagaAbort("no"))
        try await whileRunning(coordinator) {
            try await coordinator.start(saga, id: "s1", state: Trip())
            try await eventually { try await coordinator.status(of: "s1")?.phase == .compensated }
        }
        #expect(bench.world.names == ["+a", "+b", "+b", "-b", "-a"])
    }

    /// A reason often comes from another service, which may say anything.
    @Test func aReasonThatTheDatabaseCannotHoldDoesNotHoldUpTheSaga() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        let saga = bench.world.saga(["a", "b"])
        coordinator.register(saga)
        bench.world.fail("b", with: SagaAbort("de\u{0}clined " + String(repeating: "x", count: 10_000)))
        try await whileRunning(coordinator) {
            try await coordinator.start(saga, id: "s1", state: Trip())
            try await eventually {
                bench.clock.advance(by: .seconds(1))
                return try await coordinator.status(of: "s1")?.phase == .compensated
            }
        }
        let error = try #require(try await coordinator.status(of: "s1")?.error)
        #expect(error.hasPrefix("b: declined") && error.count < 600)
    }

    @Test func aCompensationIsTriedForEverAndTakesNoRoomMeanwhile() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator { $0.maxConcurrent = 1 }
        let saga = bench.world.saga(["a", "b"])
        coordinator.register(saga)
        bench.world.fail("b", with: SagaAbort("no"))
        for _ in 0..<12 { bench.world.fail("-a", with: Broken()) }
        try await whileRunning(coordinator) {
            try await coordinator.start(saga, id: "s1", state: Trip())
            try await eventually { try await coordinator.status(of: "s1")?.steps[0].compensationAttempts == 1 }
            try await coordinator.start(saga, id: "s2", state: Trip())
            try await eventually { try await coordinator.status(of: "s2")?.phase == .succeeded }
            try await eventually {
                bench.clock.advance(by: .seconds(3))
                let status = try #require(try await coordinator.status(of: "s1"))
                if let retry = status.steps[0].retryAt {
                    #expect(retry <= Date(milliseconds: bench.now + 60_000), "the wait is capped")
                }
                return status.phase == .compensated
            }
        }
        let status = try #require(try await coordinator.status(of: "s1"))
        #expect(status.steps[0].compensationAttempts == 13 && status.steps[0].error == "broken")
    }

    @Test func aStepThatIsTooSlowIsCutOffAndTriedAgain() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator()
        let calls = Locked(0)
        let saga = Saga<Trip>(
            "slow",
            steps: [
                SagaStep("a", timeout: .seconds(5)) { _, _ in
                    let number = calls.withLock { count in
                        count += 1
                        return count
                    }
                    if number == 1 { try await bench.clock.source.sleep(for: .seconds(1_000)) }
                }
            ])
        coordinator.register(saga)
        try await whileRunning(coordinator) {
            try await coordinator.start(saga, id: "s1", state: Trip())
            try await eventually { calls.withLock { $0 } == 1 }
            try await eventually {
                bench.clock.advance(by: .milliseconds(500))
                return try await coordinator.status(of: "s1")?.phase == .succeeded
            }
        }
        #expect(calls.withLock { $0 } == 2)
    }

    /// While a service is away the number of sagas that want it does not matter; when it is back, all of them get on.
    @Test func furtherAttemptsKeepWithinTheBudgetAndNothingIsLost() async throws {
        let bench = try await Bench()
        let budget = RetryBudget.Configuration(share: 2, floorPerSecond: 1, window: .seconds(10))
        let coordinator = bench.coordinator { $0.retryBudget = budget }
        let sagas = 60
        let (calls, isAway) = (Locked(0), Locked(true))
        let retry = RetryPolicy(maxAttempts: .max, baseDelay: .seconds(1), maxDelay: .seconds(5), jitter: .full)
        let saga = Saga<Trip>(
            "away",
            steps: [
                SagaStep("a", retry: retry) { _, _ in
                    calls.withLock { $0 += 1 }
                    if isAway.withLock({ $0 }) { throw Broken() }
                }
            ])
        coordinator.register(saga)
        try await whileRunning(coordinator) {
            for id in 0..<sagas { try await coordinator.start(saga, id: "s\(id)", state: Trip()) }
            try await eventually { calls.withLock { $0 } == sagas }
            let start = bench.clock.now
            try await eventually {
                bench.clock.advance(by: .milliseconds(200))
                return bench.clock.now - start >= .seconds(60)
            }
            // What the floor allows in sixty seconds, and the whole window that it may use up at once.
            let further = calls.withLock { $0 } - sagas
            #expect((1...80).contains(further))
            // Each success earns two more.
            isAway.withLock { $0 = false }
            try await eventually(within: .seconds(60)) {
                bench.clock.advance(by: .milliseconds(100))
                return try await coordinator.recent(limit: 100).allSatisfy { $0.phase == .succeeded }
            }
        }
    }

    @Test func aBudgetThatIsChangedInUseKeepsItsCountAndEachStepHasItsOwn() {
        func configuration(_ floor: Double) -> RetryBudget.Configuration {
            RetryBudget.Configuration(share: 2, floorPerSecond: floor, window: .seconds(1))
        }
        let budgets = SagaBudgets(configuration(3))
        let now = MonotonicTime.zero
        func leaves(_ step: String, undo: Bool = false) -> Int {
            (0..<100).prefix { _ in budgets.withdraw("s", step, isCompensation: undo, at: now) == nil }.count
        }
        #expect(leaves("a") == 3 && leaves("b") == 3 && leaves("a", undo: true) == 3)
        budgets.update(configuration(5), at: now)
        #expect(leaves("a") == 2, "three of five are used")
        budgets.succeeded("s", "a", isCompensation: false, at: now)
        #expect(leaves("a") == 2 && leaves("b") == 2)
        let wait = budgets.withdraw("s", "a", isCompensation: false, at: now) ?? .zero
        #expect(wait > .zero && wait <= .seconds(1))
        budgets.update(nil, at: now)
        #expect(leaves("a") == 100)
    }

    @Test func neverMoreThanTheBoundAtTheSameTime() async throws {
        let bench = try await Bench()
        let coordinator = bench.coordinator { $0.maxConcurrent = 3 }
        let running = Locked((now: 0, most: 0))
        let saga = Saga<Trip>(
            "bounded",
            steps: [
                SagaStep("a") { _, _ in
                    running.withLock {
                        $0.now += 1
                        $0.most = max($0.most, $0.now)
                    }
                    await Task.yield()
                    running.withLock { $0.now -= 1 }
                }
            ])
        coordinator.register(saga)
        try await whileRunning(coordinator) {
            for id in 0..<50 { try await coordinator.start(saga, id: "s\(id)", state: Trip()) }
            try await eventually { try await coordinator.recent(limit: 100).allSatisfy { $0.phase == .succeeded } }
        }
        #expect((1...3).contains(running.withLock { $0.most }))
    }
}
