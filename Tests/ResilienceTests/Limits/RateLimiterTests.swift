import ApusPrimitives
import ApusResilience
import Testing

@Suite struct RateLimiterTests {
    typealias Algorithm = RateLimiter.Algorithm

    private let start = MonotonicTime(nanoseconds: 5_000_000_000)

    private func limiter(
        _ algorithm: Algorithm = .tokenBucket, permits: Int = 4, per: Duration = .seconds(1), burst: Int? = nil,
        maxWait: Duration = .zero
    ) -> RateLimiter {
        RateLimiter(
            "orders",
            configuration: RateLimiter.Configuration(
                algorithm: algorithm, permits: permits, per: per, burst: burst, maxWait: maxWait))
    }

    /// The waits of calls for one permit each, nil for a refusal.
    private func waits(_ limiter: inout RateLimiter, _ count: Int, at now: MonotonicTime) -> [Duration?] {
        (0..<count).map { _ in try? limiter.acquire(at: now) }
    }

    @Test(arguments: Algorithm.allCases) func allPermitsAreThereAtFirst(_ algorithm: Algorithm) {
        var limiter = limiter(algorithm)
        #expect(limiter.available(at: start) == 4)
        #expect(waits(&limiter, 5, at: start) == [.zero, .zero, .zero, .zero, nil])
        #expect(limiter.available(at: start) == 0)
    }

    @Test(arguments: [Algorithm.tokenBucket, .gcra]) func permitsComeBackEvenly(_ algorithm: Algorithm) {
        var limiter = limiter(algorithm)
        _ = waits(&limiter, 4, at: start)
        let first = start + .milliseconds(250)
        #expect(waits(&limiter, 1, at: first - .nanoseconds(1)) == [nil])
        #expect(waits(&limiter, 2, at: first) == [.zero, nil])
        #expect(waits(&limiter, 3, at: first + .milliseconds(500)) == [.zero, .zero, nil])
        #expect(waits(&limiter, 6, at: first + .seconds(60)) == [.zero, .zero, .zero, .zero, nil, nil])
    }

    @Test func aWindowGivesPermitsBackWhenTheirCallsAreSoOld() {
        var limiter = limiter(.slidingWindow)
        #expect(waits(&limiter, 3, at: start) == [.zero, .zero, .zero])
        #expect(waits(&limiter, 2, at: start + .milliseconds(900)) == [.zero, nil])
        #expect(waits(&limiter, 1, at: start + .seconds(1) - .nanoseconds(1)) == [nil])
        #expect(waits(&limiter, 4, at: start + .seconds(1)) == [.zero, .zero, .zero, nil])
        #expect(waits(&limiter, 2, at: start + .milliseconds(1_900)) == [.zero, nil])
    }

    @Test(arguments: [Algorithm.tokenBucket, .gcra]) func theBurstIsWhatCanBeTakenAtOnce(_ algorithm: Algorithm) {
        var small = limiter(algorithm, burst: 1)
        #expect(waits(&small, 2, at: start) == [.zero, nil])
        #expect(waits(&small, 2, at: start + .seconds(60)) == [.zero, nil])
        var large = limiter(algorithm, burst: 6)
        #expect(waits(&large, 7, at: start).compactMap { $0 }.count == 6)
    }

    @Test(arguments: Algorithm.allCases) func severalPermitsAreTakenTogetherOrNotAtAll(_ algorithm: Algorithm) throws {
        var limiter = limiter(algorithm)
        #expect(try limiter.acquire(3, at: start) == .zero)
        #expect(throws: ResilienceError.self) { try limiter.acquire(2, at: start) }
        #expect(try limiter.acquire(1, at: start) == .zero)
        #expect(try limiter.acquire(0, at: start) == .zero)
    }

    @Test(arguments: [Algorithm.tokenBucket, .gcra]) func callsWaitInTheirOrder(_ algorithm: Algorithm) {
        var limiter = limiter(algorithm, maxWait: .seconds(1))
        _ = waits(&limiter, 4, at: start)
        #expect(
            waits(&limiter, 5, at: start)
                == [.milliseconds(250), .milliseconds(500), .milliseconds(750), .seconds(1), nil])
        #expect(waits(&limiter, 1, at: start + .milliseconds(100)) == [nil])
        #expect(waits(&limiter, 1, at: start + .milliseconds(250)) == [.seconds(1)])
    }

    @Test func callsWaitForTheWindow() {
        var limiter = limiter(.slidingWindow, maxWait: .seconds(1))
        _ = waits(&limiter, 3, at: start)
        let later = start + .milliseconds(400)
        #expect(
            waits(&limiter, 5, at: later) == [.zero] + Array(repeating: .milliseconds(600), count: 3) + [.seconds(1)])
        #expect(waits(&limiter, 1, at: later) == [nil])
        // A call of one permit does not overtake the others.
        #expect(waits(&limiter, 1, at: start + .milliseconds(1_100)) == [.milliseconds(900)])
    }

    @Test(arguments: Algorithm.allCases) func aRefusalSaysWhichLimitAndWhenToTryAgain(_ algorithm: Algorithm) throws {
        var limiter = limiter(algorithm, permits: 2)
        _ = try limiter.acquire(2, at: start)
        let error = try #require(throws: ResilienceError.self) { try limiter.acquire(2, at: start) }
        #expect(error.code == .rateLimited)
        #expect(error.policy == "orders")
        #expect(error.message == "2 permits in 1.0 seconds; the limit is 2 in 1.0 seconds")
        #expect(error.retryAfter == .seconds(1))
        #expect(try limiter.acquire(2, at: start + .seconds(1)) == .zero)
    }

    @Test func aRefusalOfOneThatMayWaitSaysWhenItWouldBeLetIntoTheLine() throws {
        var limiter = limiter(permits: 1, maxWait: .seconds(3))
        _ = waits(&limiter, 4, at: start)
        let error = try #require(throws: ResilienceError.self) { try limiter.acquire(at: start + .milliseconds(400)) }
        #expect(
            error.message
                == "the next permit in 3.6 seconds, calls wait at most 3.0 seconds; the limit is 1 in 1.0 seconds")
        #expect(error.retryAfter == .milliseconds(600))
        #expect(try limiter.acquire(at: start + .seconds(1)) == .seconds(3))
    }

    @Test(arguments: Algorithm.allCases) func moreThanTheBurstIsRefusedForGood(_ algorithm: Algorithm) throws {
        var limiter = limiter(algorithm, permits: 3, burst: 2, maxWait: .seconds(100))
        let error = try #require(throws: ResilienceError.self) { try limiter.acquire(4, at: start) }
        #expect(error.code == .rateLimited)
        #expect(error.retryAfter == nil)
        #expect(error.message.hasPrefix("4 permits asked for at once; the limit is 3 in 1.0 seconds"))
        #expect(try limiter.acquire(2, at: start) == .zero, "nothing was taken")
    }

    @Test(arguments: Algorithm.allCases) func aWaitThatWouldNotEndBeforeTheDeadlineIsRefused(
        _ algorithm: Algorithm
    ) throws {
        var limiter = limiter(algorithm, permits: 1, maxWait: .seconds(3))
        _ = try limiter.acquire(at: start)
        let soon = Deadline(after: .seconds(1), from: start)
        let error = try #require(throws: ResilienceError.self) { try limiter.acquire(at: start, until: soon) }
        #expect(error.code == .rateLimited)
        #expect(
            error.message == "the next permit in 1.0 seconds, after the deadline; the limit is 1 in 1.0 seconds")
        let later = Deadline(after: .seconds(1) + .nanoseconds(1), from: start)
        #expect(try limiter.acquire(at: start, until: later) == .seconds(1), "nothing was taken before")
    }

    @Test(arguments: Algorithm.allCases) func aPlaceThatWasGivenBackGoesToTheNextThatWaits(
        _ algorithm: Algorithm
    ) throws {
        var limiter = limiter(algorithm, permits: 1, maxWait: .seconds(3))
        #expect(waits(&limiter, 4, at: start) == [.zero, .seconds(1), .seconds(2), .seconds(3)])
        limiter.giveBack(due: start + .seconds(2), at: start)
        #expect(waits(&limiter, 2, at: start + .milliseconds(500)) == [.milliseconds(1_500), nil])
    }

    @Test(arguments: Algorithm.allCases) func aPlaceWhoseMomentHasComeCountsAsUsed(_ algorithm: Algorithm) throws {
        var limiter = limiter(algorithm, permits: 1, maxWait: .seconds(2))
        #expect(waits(&limiter, 3, at: start) == [.zero, .seconds(1), .seconds(2)])
        limiter.giveBack(due: start + .seconds(1), at: start)
        limiter.giveBack(due: start + .seconds(1), at: start + .seconds(1))
        #expect(waits(&limiter, 2, at: start + .seconds(1)) == [.seconds(2), nil])
    }

    @Test(arguments: Algorithm.allCases) func aClockThatGoesBackChangesNothing(_ algorithm: Algorithm) {
        var limiter = limiter(algorithm)
        _ = waits(&limiter, 4, at: start)
        #expect(waits(&limiter, 1, at: start - .seconds(5)) == [nil])
        #expect(waits(&limiter, 1, at: MonotonicTime(nanoseconds: .min)) == [nil])
        #expect(waits(&limiter, 5, at: start + .seconds(1)).compactMap { $0 }.count == 4)
    }

    @Test(arguments: Algorithm.allCases) func theLargestSettingsDoNotOverflow(_ algorithm: Algorithm) {
        let most = RateLimiter.Configuration(
            algorithm: algorithm, permits: .max, per: .seconds(Int64.max), burst: .max, maxWait: .seconds(Int64.max))
        var limiter = RateLimiter(configuration: most)
        for now in [MonotonicTime(nanoseconds: .min), .zero, .distantFuture] {
            _ = try? limiter.acquire(1_000_000_000, at: now)
            _ = try? limiter.acquire(1_000_000_000, at: now)
            limiter.reconfigure(RateLimiter.Configuration(algorithm: algorithm, permits: 1, per: .zero), at: now)
            limiter.reconfigure(most, at: now)
        }
        #expect(limiter.available(at: .distantFuture) >= 0)
    }
}
