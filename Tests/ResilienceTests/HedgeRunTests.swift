import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

@Suite struct HedgeRunTests {
    private struct Failed: Error, Equatable {
        let call: Int
    }

    private let time = ManualTime()
    private let hedge = Locked(
        Hedge(configuration: Hedge.Configuration(delay: .fixed(.seconds(1)), budget: 1)))
    private let begun = Locked<[Int]>([])
    private let cancelled = Locked<[Int]>([])

    /// Answers call `n` after `durations[n - 1]`, or fails then where `failing` has it.
    private func start(
        _ durations: [Duration], failing: Set<Int> = [],
        isFailure: @escaping @Sendable (any Error) -> Bool = { _ in true }
    ) -> Task<Int, any Error> {
        Task { [time, hedge, begun, cancelled] in
            try await hedge.run(on: time.source, isFailure: isFailure) { call in
                begun.withLock { $0.append(call) }
                do {
                    try await time.source.sleep(for: durations[call - 1])
                } catch {
                    cancelled.withLock { $0.append(call) }
                    throw error
                }
                if failing.contains(call) { throw Failed(call: call) }
                return call
            }
        }
    }

    /// Gives the hedge the budget for some extra calls.
    private func fillBudget() {
        for _ in 0..<5 { _ = hedge.withLock { $0.begin() } }
    }

    /// Moves the clock second by second, as soon as `sleepers` wait.
    private func pass(_ sleepers: [Int]) async throws {
        for count in sleepers {
            try await eventually { time.sleeperCount == count }
            time.advance(by: .seconds(1))
        }
    }

    @Test func aFastAnswerNeedsNoExtraCall() async throws {
        #expect(try await hedge.run(on: time.source) { $0 } == 1)
        #expect(hedge.withLock { $0.extraCalls } == 0)
        #expect(hedge.withLock { $0.calls } == 1)
    }

    @Test func aSlowCallIsOvertakenByTheExtraCallAndCancelled() async throws {
        fillBudget()
        let call = start([.seconds(100), .seconds(1)])
        try await pass([2, 2])
        #expect(try await call.value == 2)
        #expect(cancelled.withLock { $0 } == [1])
        #expect(hedge.withLock { $0.wins } == 1)
    }

    @Test func theFirstCallMayStillWin() async throws {
        fillBudget()
        let call = start([.milliseconds(1_500), .seconds(100)])
        try await pass([2, 2])
        #expect(try await call.value == 1)
        #expect(cancelled.withLock { $0 } == [2])
        #expect(hedge.withLock { $0.wins } == 0)
        #expect(hedge.withLock { $0.extraCalls } == 1)
    }

    @Test func eachExtraCallBeginsOneDelayAfterTheOneBefore() async throws {
        fillBudget()
        let settings = Hedge.Configuration(delay: .fixed(.seconds(1)), maxExtraCalls: 2, budget: 1)
        hedge.withLock { $0.reconfigure(settings, at: .zero) }
        let call = start([.seconds(100), .seconds(100), .seconds(1)])
        try await pass([2, 3, 3])
        #expect(try await call.value == 3)
        #expect(begun.withLock { $0 } == [1, 2, 3])
    }

    @Test func withoutBudgetThereIsNoExtraCall() async throws {
        hedge.withLock {
            _ = $0.begin()
            _ = $0.startExtraCall()
            $0.reconfigure(Hedge.Configuration(delay: .fixed(.seconds(1)), budget: 0.05), at: .zero)
        }
        let call = start([.seconds(2)])
        try await pass([2, 1])
        #expect(try await call.value == 1)
        #expect(begun.withLock { $0 } == [1])
    }

    @Test func aFailureBeforeTheDelayIsThrownAtOnce() async {
        await #expect(throws: Failed(call: 1)) {
            try await hedge.run(on: time.source) { throw Failed(call: $0) }
        }
        #expect(hedge.withLock { $0.extraCalls } == 0)
    }

    @Test func aFailureWaitsForTheOtherCall() async throws {
        fillBudget()
        let call = start([.milliseconds(1_500), .seconds(2)], failing: [1])
        try await pass([2, 2, 1])
        #expect(try await call.value == 2)
    }

    @Test func whenAllFailTheFirstFailureIsThrown() async throws {
        fillBudget()
        let call = start([.milliseconds(1_500), .milliseconds(900)], failing: [1, 2])
        try await pass([2, 2])
        await #expect(throws: Failed(call: 1)) { try await call.value }
    }

    @Test func anErrorThatIsAnAnswerEndsTheRace() async throws {
        fillBudget()
        let call = start([.milliseconds(1_500), .seconds(100)], failing: [1], isFailure: { !($0 is Failed) })
        try await pass([2, 2])
        await #expect(throws: Failed(call: 1)) { try await call.value }
        #expect(cancelled.withLock { $0 } == [2])
    }

    @Test func cancellingCancelsEveryCall() async throws {
        fillBudget()
        let call = start([.seconds(100), .seconds(100)])
        try await pass([2])
        try await eventually { begun.withLock { $0.count } == 2 && time.sleeperCount == 2 }
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(cancelled.withLock { $0.sorted() } == [1, 2])
        #expect(begun.withLock { $0 } == [1, 2])
        #expect(time.sleeperCount == 0)
    }

    @Test func noExtraCallWhenTheDeadlineComesBeforeTheDelay() async throws {
        fillBudget()
        let call = Deadline.$current.withValue(Deadline(after: .seconds(1), from: time.now)) { start([.seconds(2)]) }
        try await pass([1, 1])
        #expect(try await call.value == 1)
        #expect(begun.withLock { $0 } == [1])
    }

    @Test func extraCallsAreTold() async throws {
        fillBudget()
        let told = Locked<[Int]>([])
        let call = Task { [time, hedge] in
            try await hedge.run(on: time.source, onExtraCall: { call in told.withLock { $0.append(call) } }) { call in
                try await time.source.sleep(for: .seconds(call == 1 ? 100 : 1))
                return call
            }
        }
        try await pass([2, 2])
        #expect(try await call.value == 2)
        #expect(told.withLock { $0 } == [2])
    }
}
