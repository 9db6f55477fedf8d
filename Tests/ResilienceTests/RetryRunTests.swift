import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

@Suite struct RetryRunTests {
    private struct Failed: Error, Equatable {
        let attempt: Int
    }

    private let time = JumpingTime()

    @Test func itTriesUntilOneAttemptSucceeds() async throws {
        let value = try await RetryPolicy.classic.run(on: time.source) { attempt in
            if attempt < 3 { throw Failed(attempt: attempt) }
            return "attempt \(attempt)"
        }
        #expect(value == "attempt 3")
        #expect(time.waits == [.seconds(1), .seconds(2)])
    }

    @Test func aSuccessTakesOneAttemptAndNoWait() async throws {
        var attempts: [Int] = []
        try await RetryPolicy.classic.run(on: time.source) { attempts.append($0) }
        #expect(attempts == [1])
        #expect(time.waits.isEmpty)
    }

    @Test func theErrorTellsTheAttemptsAndTheLastCause() async throws {
        let error = try await #require(throws: ResilienceError.self) {
            try await RetryPolicy.classic.run(on: time.source) { throw Failed(attempt: $0) }
        }
        #expect(error.code == .retriesExhausted)
        #expect(error.policy == "retry")
        #expect(error.message == "gave up after 3 attempts")
        #expect(error.cause as? Failed == Failed(attempt: 3))
        #expect(time.waits == [.seconds(1), .seconds(2)])
    }

    @Test func anErrorThatTheCallerClassifiesAsFinalPassesUnchanged() async throws {
        let error = try await #require(throws: Failed.self) {
            try await RetryPolicy.classic.run(on: time.source) { error in
                error as? Failed == Failed(attempt: 2) ? .stop : .retry
            } body: {
                throw Failed(attempt: $0)
            }
        }
        #expect(error == Failed(attempt: 2))
    }

    @Test func aPolicyOfOneAttemptIsTransparent() async throws {
        await #expect(throws: Failed(attempt: 1)) {
            try await RetryPolicy.never.run(on: time.source) { throw Failed(attempt: $0) }
        }
    }

    @Test func aWaitThatTheCalleeAskedForIsHonoured() async throws {
        try await RetryPolicy.classic.run(on: time.source, classify: { _ in .retryAfter(.seconds(7)) }) {
            if $0 == 1 { throw Failed(attempt: $0) }
        }
        #expect(time.waits == [.seconds(7)])
    }

    @Test func aWaitThatIsTooLongIsToldToTheCaller() async throws {
        let error = try await #require(throws: ResilienceError.self) {
            try await RetryPolicy.classic.run(on: time.source, classify: { _ in .retryAfter(.seconds(99)) }) {
                throw Failed(attempt: $0)
            }
        }
        #expect(error.code == .retriesExhausted)
        #expect(error.retryAfter == .seconds(99))
        #expect(time.waits.isEmpty)
    }

    @Test func itNeverSleepsPastTheDeadline() async throws {
        let error = try await #require(throws: ResilienceError.self) {
            try await Deadline.$current.withValue(Deadline(after: .seconds(3), from: time.now)) {
                try await RetryPolicy.classic.run(on: time.source) { throw Failed(attempt: $0) }
            }
        }
        #expect(error.code == .deadlineExceeded)
        #expect(error.message == "gave up after 2 attempts: the next, in 2.0 seconds, would come after the deadline")
        #expect(error.cause as? Failed == Failed(attempt: 2))
        #expect(time.waits == [.seconds(1)])
    }

    @Test func noAttemptBeginsAfterTheDeadline() async throws {
        let late = JumpingTime(overshoot: .seconds(5))
        var attempts = 0
        let error = try await #require(throws: ResilienceError.self) {
            try await Deadline.$current.withValue(Deadline(after: .seconds(3), from: late.now)) {
                try await RetryPolicy.classic.run(on: late.source) {
                    attempts += 1
                    throw Failed(attempt: $0)
                }
            }
        }
        #expect(error.code == .deadlineExceeded)
        #expect(error.cause as? Failed == Failed(attempt: 1))
        #expect(attempts == 1)
    }

    @Test func theFirstAttemptDoesNotBeginAfterTheDeadlineEither() async throws {
        var attempts = 0
        await #expect(throws: ResilienceError.self) {
            try await Deadline.$current.withValue(Deadline(expires: time.now)) {
                try await RetryPolicy.classic.run(on: time.source) { _ in attempts += 1 }
            }
        }
        #expect(attempts == 0)
    }

    @Test func cancellingEndsTheWait() async throws {
        let manual = ManualTime()
        let task = Task {
            try await RetryPolicy.classic.run(on: manual.source) { throw Failed(attempt: $0) }
        }
        try await manual.waitForSleepers()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func aCancelledTaskDoesNotTryAgain() async throws {
        let attempts = Locked(0)
        let task = Task { [time] in
            try await RetryPolicy.classic.run(on: time.source) {
                attempts.withLock { $0 += 1 }
                withUnsafeCurrentTask { $0?.cancel() }
                throw Failed(attempt: $0)
            }
        }
        await #expect(throws: Failed(attempt: 1)) { try await task.value }
        #expect(attempts.withLock { $0 } == 1)
        #expect(time.waits.isEmpty)
    }

    @Test func theSameSeedGivesTheSameWaits() async throws {
        func waits(seed: UInt64) async -> [Duration] {
            let time = JumpingTime()
            var random = SeededRandom(seed: seed)
            try? await RetryPolicy(maxAttempts: 6, jitter: .full).run(on: time.source, using: &random) {
                throw Failed(attempt: $0)
            }
            return time.waits
        }
        let first = await waits(seed: 3)
        let again = await waits(seed: 3)
        let other = await waits(seed: 4)
        #expect(first == again)
        #expect(first != other)
        #expect(first.count == 5)
    }

    @Test func decorrelatedJitterGrowsFromTheWaitBefore() async throws {
        var random = SeededRandom(seed: 8)
        let policy = RetryPolicy(maxAttempts: 30, maxDelay: .seconds(1_000_000), jitter: .decorrelated)
        try? await policy.run(on: time.source, using: &random) { throw Failed(attempt: $0) }
        var previous = Duration.seconds(1)
        for wait in time.waits {
            #expect(wait >= .seconds(1) && wait <= previous * 3)
            previous = wait
        }
        #expect(time.waits.contains { $0 > .seconds(10) })
    }

    @Test func byDefaultAllIsRetriedButCancellation() {
        #expect(RetryDecision.standard(Failed(attempt: 1)) == .retry)
        #expect(RetryDecision.standard(CancellationError()) == .stop)
        let open = ResilienceError(code: .circuitOpen, message: "", policy: "", retryAfter: .seconds(2))
        #expect(RetryDecision.standard(open) == .retryAfter(.seconds(2)))
    }
}
