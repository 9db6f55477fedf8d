import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

/// `RetryPolicy.run` within a budget.
@Suite struct RetryBudgetRunTests {
    private struct Failed: Error, Equatable {
        let attempt: Int
    }

    private let time = JumpingTime()
    private let policy = RetryPolicy(maxAttempts: 3, baseDelay: .milliseconds(100))

    private func budget(share: Double, floor: Double = 0) -> Locked<RetryBudget> {
        Locked(
            RetryBudget(
                "payment",
                configuration: RetryBudget.Configuration(share: share, floorPerSecond: floor, window: .seconds(3_600))))
    }

    @Test func anAttemptIsMadeWhileTheBudgetAllows() async throws {
        let budget = budget(share: 1)
        let value = try await policy.run(on: time.source, budget: budget) { attempt in
            if attempt < 2 { throw Failed(attempt: attempt) }
            return attempt
        }
        #expect(value == 2)
        let numbers = budget.withLock { $0.numbers(at: time.now) }
        #expect(numbers.calls == 1 && numbers.retries == 1 && numbers.balance == 0)
    }

    @Test func aRefusalSaysItsNumbersAndTheLastError() async throws {
        let budget = budget(share: 1)
        let error = try await #require(throws: ResilienceError.self) {
            try await policy.run(on: time.source, budget: budget) { throw Failed(attempt: $0) }
        }
        #expect(error.code == .retryBudgetExhausted)
        #expect(
            error.message
                == "gave up after 2 attempts: 1 of 1 second attempts allowed in 3600.0 seconds are used "
                + "(100.0 % of 1 calls, and 0.0 a second)")
        #expect(error.cause as? Failed == Failed(attempt: 2))
        #expect(time.waits == [.milliseconds(100)], "it does not wait for what it may not do")
    }

    @Test func whatEndsForAnotherReasonTakesNothing() async {
        let budget = budget(share: 2)
        try? await policy.run(on: time.source, budget: budget, classify: { _ in .stop }) { throw Failed(attempt: $0) }
        await Deadline.$current.withValue(Deadline(after: .milliseconds(50), from: time.now)) {
            try? await policy.run(on: time.source, budget: budget) { throw Failed(attempt: $0) }
        }
        try? await RetryPolicy.never.run(on: time.source, budget: budget) { throw Failed(attempt: $0) }
        let numbers = budget.withLock { $0.numbers(at: time.now) }
        #expect(numbers.calls == 3 && numbers.retries == 0)
    }

    /// The load that an outage meets: three times the calls without a budget, a fifth more with the standard share.
    @Test func anOutageMeetsOneFifthMoreCalls() async {
        let budget = budget(share: 0.2)
        let attempts = Locked(0)
        for _ in 0..<1_000 {
            try? await policy.run(on: time.source, budget: budget) {
                attempts.withLock { $0 += 1 }
                throw Failed(attempt: $0)
            }
        }
        #expect(attempts.withLock { $0 } == 1_200)
        attempts.withLock { $0 = 0 }
        for _ in 0..<1_000 {
            try? await policy.run(on: time.source) {
                attempts.withLock { $0 += 1 }
                throw Failed(attempt: $0)
            }
        }
        #expect(attempts.withLock { $0 } == 3_000)
    }

    @Test func theBudgetIsFullAgainOneWindowAfterTheOutage() {
        var budget = RetryBudget(configuration: RetryBudget.Configuration(share: 0.1, floorPerSecond: 0))
        var now = MonotonicTime.zero
        func second(_ budget: inout RetryBudget, failing: Bool) -> Int {
            var given = 0
            for _ in 0..<100 {
                now = now + .milliseconds(10)
                budget.recordCall(at: now)
                if failing, budget.withdraw(at: now) { given += 1 }
            }
            return given
        }
        for _ in 0..<300 { _ = second(&budget, failing: true) }
        #expect(budget.numbers(at: now).balance <= 10, "used up")
        for _ in 0..<10 { _ = second(&budget, failing: false) }
        let numbers = budget.numbers(at: now)
        #expect(numbers.retries == 0 && numbers.balance >= 90)
    }
}
