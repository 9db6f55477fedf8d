import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

@Suite struct AdaptiveBreakerTests {
    private let now = MonotonicTime.zero + .seconds(100)

    private func breaker(
        _ settings: AdaptiveBreaker.Configuration = AdaptiveBreaker.Configuration(), accepts: Int = 0, failures: Int = 0
    ) throws -> AdaptiveBreaker {
        var breaker = AdaptiveBreaker("payment", configuration: settings)
        // Permits of before are good for any outcome: so the window is filled in any order.
        var random = SeededRandom(seed: 1)
        let permit = try breaker.acquire(at: now, using: &random)
        for _ in 0..<accepts { breaker.record(permit, .success, at: now) }
        for _ in 0..<failures { breaker.record(permit, .failure, at: now) }
        return breaker
    }

    private func probability(_ breaker: AdaptiveBreaker) -> Double { breaker.numbers(at: now).rejectionProbability }

    @Test func nothingIsRefusedWhileTheRequestsAreUnderTheMultipleOfTheAccepts() throws {
        #expect(try probability(breaker(accepts: 50, failures: 50)) == 0)
        #expect(try probability(breaker(accepts: 1, failures: 0)) == 0)
    }

    @Test func theProbabilityIsThatOfTheBook() throws {
        #expect(try probability(breaker(accepts: 50, failures: 51)) == 1.0 / 102)
        #expect(try probability(breaker(accepts: 10, failures: 90)) == 80.0 / 101)
        #expect(try probability(breaker(failures: 100)) == 100.0 / 101)
        let tight = AdaptiveBreaker.Configuration(k: 1.5)
        #expect(try probability(breaker(tight, accepts: 50, failures: 50)) == 25.0 / 101)
    }

    @Test func nothingIsRefusedBelowTheMinimumOfCalls() throws {
        #expect(try probability(breaker(failures: 9)) == 0)
        #expect(try probability(breaker(failures: 10)) == 10.0 / 11)
    }

    @Test func onlyTheWindowCounts() throws {
        let breaker = try breaker(failures: 100)
        #expect(breaker.numbers(at: now + .milliseconds(9_499)).requests == 100)
        #expect(breaker.numbers(at: now + .seconds(10)).requests == 0)
    }

    @Test func whatSaysNothingIsNotCounted() throws {
        var breaker = try breaker()
        var random = SeededRandom(seed: 1)
        let permit = try breaker.acquire(at: now, using: &random)
        for _ in 0..<100 { breaker.record(permit, .ignored, at: now) }
        #expect(breaker.numbers(at: now).requests == 0)
    }

    @Test func whatIsRefusedIsARequestWithoutAccept() throws {
        var breaker = try breaker(failures: 100)
        var random = SeededRandom(seed: 1)
        var refused = 0
        for _ in 0..<50 where (try? breaker.acquire(at: now, using: &random)) == nil { refused += 1 }
        #expect(refused > 45)
        #expect(breaker.numbers(at: now).requests == 100 + refused)
    }

    @Test func aRefusalSaysItsNumbersAndWhenACallPassesInAnyCase() throws {
        var breaker = try breaker(accepts: 10, failures: 990)
        var random = Always(.zero)
        let error = try #require(throws: ResilienceError.self) {
            try breaker.acquire(at: now + .milliseconds(250), using: &random)
        }
        #expect(error.code == .throttled)
        #expect(error.policy == "payment")
        #expect(error.retryAfter == .milliseconds(750))
        #expect(
            error.message
                == "10 of the last 1000 requests were accepted, 97.9 % are refused; one passes in any case in 0.75 seconds"
        )
    }

    @Test func oneCallPassesInEachInterval() throws {
        var breaker = try breaker(failures: 1_000)
        var random = Always(.zero)
        var passed: [Int] = []
        for tick in 1...350 where (try? breaker.acquire(at: now + .milliseconds(10 * tick), using: &random)) != nil {
            passed.append(tick)
        }
        #expect(passed == [100, 200, 300])
    }

    @Test func afterAFullRecoveryTheTimeBeforeIsForgotten() throws {
        var breaker = try breaker(failures: 1_000)
        var random = Always(.max)
        let first = try breaker.acquire(at: now, using: &random)
        breaker.record(first, .success, at: now)
        let half = now + .milliseconds(500)
        let full = breaker.numbers(at: now).rejectionProbability
        #expect(breaker.numbers(at: half).rejectionProbability == full / 2, "it falls evenly")
        breaker.record(try breaker.acquire(at: half, using: &random), .success, at: half)
        #expect(breaker.numbers(at: half).requests == 1_002)
        let end = now + .seconds(1)
        breaker.record(try breaker.acquire(at: end, using: &random), .success, at: end)
        #expect(breaker.numbers(at: end).requests == 0)
    }

    @Test func aFailureEndsTheRecovery() throws {
        var breaker = try breaker(failures: 1_000)
        var random = Always(.max)
        let old = try breaker.acquire(at: now - .seconds(1), using: &random)
        breaker.record(try breaker.acquire(at: now, using: &random), .success, at: now)
        let half = now + .milliseconds(500)
        breaker.record(old, .failure, at: half)
        #expect(breaker.numbers(at: half).rejectionProbability < 0.6, "one that was sent before says nothing")
        breaker.record(try breaker.acquire(at: half, using: &random), .failure, at: half)
        #expect(breaker.numbers(at: half).rejectionProbability > 0.99)
        breaker.record(try breaker.acquire(at: half, using: &random), .success, at: now + .seconds(2))
        #expect(breaker.numbers(at: now + .seconds(2)).rejectionProbability > 0.99, "it begins anew")
    }

    @Test func aChangeInUseKeepsWhatWasCounted() throws {
        var breaker = try breaker(accepts: 10, failures: 90)
        breaker.reconfigure(AdaptiveBreaker.Configuration(window: .seconds(60), k: 5), at: now + .seconds(9))
        #expect(breaker.numbers(at: now + .seconds(50)).requests == 100)
        #expect(breaker.numbers(at: now + .seconds(50)).accepts == 10)
        #expect(breaker.configuration.k == 5)
    }

    @Test func settingsOutOfRangeMoveToTheNearestInRange() {
        let low = AdaptiveBreaker.Configuration(
            window: .zero, k: .nan, minimumCalls: 0, probeInterval: .zero, recovery: .zero)
        #expect(low.window == .seconds(1) && low.k == 1.01 && low.minimumCalls == 1)
        #expect(low.probeInterval == .milliseconds(1) && low.recovery == .milliseconds(1))
        let high = AdaptiveBreaker.Configuration(
            window: .seconds(9_999), k: 999, minimumCalls: .max, probeInterval: .seconds(9_999),
            recovery: .seconds(9_999))
        #expect(high.window == .seconds(3_600) && high.k == 100 && high.minimumCalls == 65_536)
        #expect(high.probeInterval == .seconds(3_600) && high.recovery == .seconds(3_600))
    }

    @Test func itsSettingsAreReadStrictly() throws {
        let settings = AdaptiveBreaker.Configuration(
            window: .seconds(60), k: 1.5, minimumCalls: 3, probeInterval: .milliseconds(20), recovery: .seconds(3))
        #expect(try JSON.read(JSON.write(settings)) == settings)
        #expect(try JSON.read("{}") == AdaptiveBreaker.Configuration())
        for text in [#"{"k": 1}"#, #"{"K": 2}"#, #"{"recoveryMilliseconds": 0}"#] {
            #expect(throws: DecodingError.self) { try JSON.read(text, as: AdaptiveBreaker.Configuration.self) }
        }
    }

    @Test func theDefaultsAreThoseOfTheManual() {
        let settings = AdaptiveBreaker.Configuration()
        #expect(settings.window == .seconds(10) && settings.k == 2 && settings.minimumCalls == 10)
        #expect(settings.probeInterval == .seconds(1) && settings.recovery == .seconds(1))
    }

    @Test func theShellAsksCallsAndRecords() async throws {
        struct Failed: Error {}
        let time = ManualTime()
        let breaker = Locked(AdaptiveBreaker(configuration: AdaptiveBreaker.Configuration(minimumCalls: 3)))
        #expect(try await breaker.run(on: time.source) { 5 } == 5)
        await #expect(throws: Failed.self) { try await breaker.run(on: time.source) { throw Failed() } }
        try? await breaker.run(on: time.source, outcome: { _ in .success }) { throw Failed() }
        try? await breaker.run(on: time.source, outcome: { _ in .ignored }) { throw Failed() }
        try? await breaker.run(on: time.source) { throw CancellationError() }
        let numbers = breaker.withLock { $0.numbers(at: time.now) }
        #expect(numbers.requests == 3 && numbers.accepts == 2)
        for _ in 0..<200 { try? await breaker.run(on: time.source) { throw Failed() } }
        let after = breaker.withLock { $0.numbers(at: time.now) }
        #expect(after.requests == 203 && after.accepts == 2)
        await #expect(throws: ResilienceError.self) {
            while true {
                try? await breaker.run(on: time.source) { throw Failed() }
                try await breaker.run(on: time.source) {}
            }
        }
    }
}

/// Always the same number: the lowest is refused whenever anything can be, the highest never is.
private struct Always: RandomNumberGenerator {
    enum End { case zero, max }

    private let end: End

    init(_ end: End) { self.end = end }

    mutating func next() -> UInt64 { end == .zero ? 0 : .max }
}
