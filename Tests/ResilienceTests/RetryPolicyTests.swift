import ApusPrimitives
import ApusResilience
import Testing

@Suite struct RetryPolicyTests {
    private typealias Next = RetryPolicy.Next

    private func next(
        _ policy: RetryPolicy, after attempt: Int, _ decision: RetryDecision = .retry, remaining: Duration? = nil
    ) -> RetryPolicy.Next {
        var random = SeededRandom(seed: 1)
        return policy.next(afterAttempt: attempt, decision: decision, remaining: remaining, using: &random)
    }

    @Test func theClassicDefaultIsThreeTriesAfterOneAndTwoSeconds() {
        #expect(next(.classic, after: 1) == .wait(.seconds(1)))
        #expect(next(.classic, after: 2) == .wait(.seconds(2)))
        #expect(next(.classic, after: 3) == .giveUp(.attemptsExhausted))
        #expect(RetryPolicy.classic == RetryPolicy())
    }

    @Test func neverMeansOneAttempt() {
        #expect(next(.never, after: 1) == .giveUp(.attemptsExhausted))
    }

    @Test func theWaitStopsGrowingAtItsMaximum() {
        let policy = RetryPolicy(maxAttempts: .max, baseDelay: .milliseconds(10), maxDelay: .milliseconds(50))
        #expect((1...5).map { next(policy, after: $0) } == [10, 20, 40, 50, 50].map { .wait(.milliseconds($0)) })
        #expect(next(policy, after: .max - 1) == .wait(.milliseconds(50)))
    }

    @Test func aMultiplierOfOneWaitsTheSameForEver() {
        let policy = RetryPolicy(maxAttempts: .max, multiplier: 1)
        #expect(next(policy, after: 1) == .wait(.seconds(1)))
        #expect(next(policy, after: .max - 1) == .wait(.seconds(1)))
    }

    @Test func theCallersStopIsObeyed() {
        #expect(next(.classic, after: 1, .stop) == .giveUp(.notRetryable))
        #expect(next(.classic, after: 3, .stop) == .giveUp(.notRetryable))
    }

    @Test func whatTheCalleeAsksForIsTheLeastWait() {
        #expect(next(.classic, after: 1, .retryAfter(.seconds(9))) == .wait(.seconds(9)))
        #expect(next(.classic, after: 2, .retryAfter(.milliseconds(5))) == .wait(.seconds(2)))
    }

    @Test func whoAsksForMoreThanTheMaximumIsNotAskedAgain() {
        #expect(next(.classic, after: 1, .retryAfter(.seconds(30))) == .wait(.seconds(30)))
        #expect(next(.classic, after: 1, .retryAfter(.seconds(31))) == .giveUp(.retryAfterTooLong(.seconds(31))))
    }

    @Test func noWaitReachesTheDeadline() {
        let second = Duration.seconds(1)
        #expect(next(.classic, after: 1, remaining: second + .nanoseconds(1)) == .wait(second))
        #expect(next(.classic, after: 1, remaining: second) == .giveUp(.deadline(wait: second)))
        let eager = RetryPolicy(baseDelay: .zero)
        #expect(next(eager, after: 1, remaining: .zero) == .giveUp(.deadline(wait: .zero)))
    }

    @Test func settingsOutOfRangeMoveToTheNearestInRange() {
        let policy = RetryPolicy(maxAttempts: -3, baseDelay: .seconds(-1), multiplier: .nan, maxDelay: .seconds(-2))
        #expect(policy == RetryPolicy(maxAttempts: 1, baseDelay: .zero, multiplier: 1, maxDelay: .zero))
        #expect(RetryPolicy(baseDelay: .seconds(40), maxDelay: .seconds(30)).maxDelay == .seconds(40))
        #expect(RetryPolicy(multiplier: 0.5).multiplier == 1)
    }

    /// No jitter is exact, full jitter lies in 0...exact, decorrelated in base...3 × previous; all under the maximum.
    @Test func waitsStayInTheirBoundsForRandomSettings() {
        var random = SeededRandom(seed: 20_261)
        for _ in 0..<20_000 {
            let policy = RetryPolicy(
                maxAttempts: .max, baseDelay: .nanoseconds(Int64.random(in: 0...5_000_000_000, using: &random)),
                multiplier: Double.random(in: 1...10, using: &random),
                maxDelay: .nanoseconds(Int64.random(in: 0...60_000_000_000, using: &random)),
                jitter: [.none, .full, .decorrelated].randomElement(using: &random)!)
            let exactly = RetryPolicy(
                maxAttempts: .max, baseDelay: policy.baseDelay, multiplier: policy.multiplier,
                maxDelay: policy.maxDelay)
            let attempt = Int.random(in: 1...100, using: &random)
            let previous = Duration.nanoseconds(Int64.random(in: 0...policy.maxDelay.nanoseconds, using: &random))
            let wait = policy.delay(afterAttempt: attempt, previous: previous, using: &random)
            let exact = exactly.delay(afterAttempt: attempt, using: &random)
            switch policy.jitter {
            case .none: #expect(wait == exact)
            case .full: #expect(wait >= .zero && wait <= exact)
            case .decorrelated: #expect(wait >= policy.baseDelay && wait <= max(previous, policy.baseDelay) * 3)
            }
            #expect(wait <= policy.maxDelay)
        }
    }

    @Test(arguments: [RetryPolicy.Jitter.full, .decorrelated]) func jitterSpreads(jitter: RetryPolicy.Jitter) {
        var random = SeededRandom(seed: 5)
        let policy = RetryPolicy(jitter: jitter)
        let waits = (0..<1_000).map { _ in policy.delay(afterAttempt: 2, previous: .seconds(1), using: &random).seconds
        }
        let mean = waits.reduce(0, +) / 1_000
        // Uniform over 0...2 s has a mean of 1 s, over 1...3 s of 2 s; three standard errors are under 0.06 s.
        #expect(abs(mean - (jitter == .full ? 1 : 2)) < 0.06)
        #expect(Set(waits).count > 900)
    }

    @Test(arguments: [RetryPolicy.Jitter.none, .full, .decorrelated])
    func withoutABaseDelayNobodyEverWaits(_ jitter: RetryPolicy.Jitter) {
        let policy = RetryPolicy(maxAttempts: .max, baseDelay: .zero, multiplier: 1_000, jitter: jitter)
        var random = SeededRandom(seed: 1)
        for attempt in [1, 2, 104, 1_025, 1_000_000] {
            #expect(policy.delay(afterAttempt: attempt, using: &random) == .zero)
        }
    }
}
