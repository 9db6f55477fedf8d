import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

@Suite struct DeadlineTests {
    private struct Refused: Error, Equatable {}

    private let time = ManualTime()

    private func after(_ duration: Duration) -> Deadline {
        Deadline(after: duration, from: time.now)
    }

    @Test func whatIsLeftIsNeverNegative() {
        let deadline = after(.seconds(2))
        #expect(deadline.remaining(at: time.now) == .seconds(2))
        #expect(deadline.remaining(at: time.now + .seconds(3)) == .zero)
    }

    @Test func itHasPassedFromItsVeryMomentOn() {
        let deadline = after(.seconds(2))
        #expect(!deadline.hasPassed(at: deadline.expires - .nanoseconds(1)))
        #expect(deadline.hasPassed(at: deadline.expires))
    }

    @Test func aDurationBeyondAllTimeStopsAtTheEndOfTime() {
        #expect(Deadline(after: .seconds(Int64.max), from: time.now + .seconds(1)).expires == .distantFuture)
    }

    @Test func theEarlierIsTheLesser() {
        #expect(after(.seconds(1)) < after(.seconds(2)))
    }

    @Test func aValueBeforeTheDeadlinePasses() async throws {
        #expect(try await after(.seconds(1)).run(on: time.source) { 7 } == 7)
        #expect(time.sleeperCount == 0)
    }

    @Test func anErrorBeforeTheDeadlinePassesUnchanged() async throws {
        await #expect(throws: Refused.self) {
            try await after(.seconds(1)).run(on: time.source) { throw Refused() }
        }
    }

    @Test func itIsTheCurrentOneInsideOnly() async throws {
        let deadline = after(.seconds(1))
        try await deadline.run(on: time.source) { #expect(Deadline.current == deadline) }
        #expect(Deadline.current == nil)
    }

    @Test(arguments: [1, 3]) func theEarlierOfOuterAndInnerHolds(innerSeconds: Int) async throws {
        let outer = after(.seconds(2))
        let inner = after(.seconds(innerSeconds))
        try await outer.run(on: time.source) { [time] in
            try await inner.run(on: time.source) { #expect(Deadline.current == min(outer, inner)) }
            #expect(Deadline.current == outer)
        }
    }

    @Test func theTreeIsCancelledWhenItPasses() async throws {
        let cancelled = Locked(0)
        let deadline = after(.seconds(1))
        let task = Task { [time] in
            try await deadline.run(on: time.source) {
                await withTaskGroup { group in
                    for _ in 0..<3 {
                        group.addTask {
                            do { try await time.source.sleep(for: .seconds(100)) } catch {
                                cancelled.withLock { $0 += 1 }
                            }
                        }
                    }
                }
            }
        }
        try await time.waitForSleepers(4)
        time.advance(by: .seconds(1))
        let error = try await #require(throws: ResilienceError.self) { try await task.value }
        #expect(error.code == .deadlineExceeded)
        #expect(cancelled.withLock { $0 } == 3)
        #expect(time.sleeperCount == 0)
    }

    @Test func nothingIsCancelledBeforeItPasses() async throws {
        let deadline = after(.seconds(2))
        let task = Task { [time] in
            try await deadline.run(on: time.source) {
                try await time.source.sleep(for: .seconds(1))
                return "done"
            }
        }
        try await time.waitForSleepers(2)
        time.advance(by: .seconds(1))
        #expect(try await task.value == "done")
    }

    @Test func aBodyThatIgnoresCancellationHoldsItUpAndGetsTheError() async throws {
        let finished = Locked(false)
        let error = try await #require(throws: ResilienceError.self) {
            try await after(.seconds(1)).run(on: time.source) { [time] in
                time.advance(by: .seconds(1))
                while !Task.isCancelled { await Task.yield() }
                for _ in 0..<20 { await Task.yield() }
                finished.withLock { $0 = true }
            }
        }
        #expect(error.code == .deadlineExceeded)
        #expect(finished.withLock { $0 })
    }

    @Test func aValueThatComesLateIsReplacedByTheError() async throws {
        let error = try await #require(throws: ResilienceError.self) {
            try await after(.seconds(1)).run(on: time.source) { [time] in time.advance(by: .seconds(3)) }
        }
        #expect(error.code == .deadlineExceeded)
        #expect(error.policy == "deadline")
        #expect(error.message == "the deadline passed 2.0 seconds ago")
        #expect(error.cause == nil)
    }

    @Test func anErrorThatComesLateIsTheCause() async throws {
        let error = try await #require(throws: ResilienceError.self) {
            try await after(.seconds(1)).run(on: time.source) { [time] in
                time.advance(by: .seconds(1))
                throw Refused()
            }
        }
        #expect(error.code == .deadlineExceeded)
        #expect(error.cause is Refused)
    }

    @Test func aBodyDoesNotStartAfterIt() async throws {
        let started = Locked(false)
        let error = try await #require(throws: ResilienceError.self) {
            try await after(.zero).run(on: time.source) { started.withLock { $0 = true } }
        }
        #expect(error.code == .deadlineExceeded)
        #expect(!started.withLock { $0 })
    }

    @Test func aPassedOuterOneStopsAnInnerOne() async throws {
        let outer = after(.zero)
        let error = try await #require(throws: ResilienceError.self) {
            try await Deadline.$current.withValue(outer) {
                try await after(.seconds(1)).run(on: time.source) {}
            }
        }
        #expect(error.code == .deadlineExceeded)
    }

    @Test func cancellingTheCallerIsNotADeadline() async throws {
        let deadline = after(.seconds(1))
        let task = Task { [time] in
            try await deadline.run(on: time.source) { try await time.source.sleep(for: .seconds(100)) }
        }
        try await time.waitForSleepers(2)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(time.sleeperCount == 0)
    }

    @Test func theEndOfTimeIsNoDeadlineOnTheRealClock() async throws {
        try await Deadline(expires: .distantFuture).run {
            for _ in 0..<50 { await Task.yield() }
            try Task.checkCancellation()
        }
    }

    @Test func onlyABodyThatWaitsSetsAnAlarm() async throws {
        let alarms = Locked(0)
        let counted = TimeSource(now: { .zero }) { _ in
            alarms.withLock { $0 += 1 }
            throw CancellationError()
        }
        let deadline = Deadline(expires: .zero + .seconds(1))
        let policy = ResiliencePolicy("callee", on: counted)
        for _ in 0..<100 {
            try await deadline.run(on: counted) {}
            try await policy.run { _ in }
        }
        try await deadline.run(on: counted) { try await eventually { alarms.withLock { $0 } >= 1 } }
        try await policy.run { _ in try await eventually { alarms.withLock { $0 } >= 2 } }
        #expect(alarms.withLock { $0 } == 2)
    }
}
