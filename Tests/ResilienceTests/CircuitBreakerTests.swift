import ApusPrimitives
import ApusResilience
import Testing

@Suite struct CircuitBreakerTests {
    private static let settings = CircuitBreaker.Configuration(
        window: .calls(10), minimumCalls: 4, failureRateThreshold: 0.5, openFor: .seconds(5), halfOpenProbes: 3)

    private let now = MonotonicTime(nanoseconds: 1_000_000_000)

    private func breaker(_ outcomes: [CircuitBreaker.Outcome] = []) throws -> CircuitBreaker {
        var breaker = CircuitBreaker("payment", configuration: Self.settings)
        for outcome in outcomes { breaker.record(try breaker.acquire(at: now), outcome, at: now) }
        return breaker
    }

    /// Opened at `now`, with its permits of before.
    private func opened() throws -> CircuitBreaker {
        try breaker([.failure, .failure, .failure, .failure])
    }

    private var probing: MonotonicTime { now + .seconds(5) }

    @Test func itBeginsClosed() throws {
        #expect(try breaker().state(at: now) == .closed)
    }

    @Test func itStaysClosedBelowTheMinimumOfCalls() throws {
        #expect(try breaker([.failure, .failure, .failure]).state(at: now) == .closed)
    }

    @Test func itOpensWhenTheRateReachesTheThreshold() throws {
        var breaker = try breaker([.success, .success, .failure])
        let permit = try breaker.acquire(at: now)
        let open = CircuitBreaker.State.open(until: now + .seconds(5))
        #expect(breaker.record(permit, .failure, at: now) == CircuitBreaker.Transition(from: .closed, to: open))
        #expect(breaker.state(at: now) == open)
    }

    @Test func itStaysClosedBelowTheThreshold() throws {
        let breaker = try breaker([.success, .success, .success, .failure, .failure])
        #expect(breaker.state(at: now) == .closed)
        #expect(breaker.counts(at: now) == CircuitBreaker.Counts(calls: 5, failures: 2))
    }

    @Test func onlyTheLastCallsOfTheWindowCount() throws {
        // Ten successes, then five failures: 5 of the last 10, where all fifteen would give a third.
        var breaker = try breaker(Array(repeating: .success, count: 10) + Array(repeating: .failure, count: 4))
        #expect(breaker.state(at: now) == .closed)
        #expect(breaker.counts(at: now).calls == 10)
        breaker.record(try breaker.acquire(at: now), .failure, at: now)
        #expect(breaker.state(at: now) == .open(until: now + .seconds(5)))
    }

    @Test func ignoredOutcomesAreNotCounted() throws {
        #expect(try breaker(Array(repeating: .ignored, count: 20)).counts(at: now) == .zero)
    }

    @Test func aRefusalSaysWhichPolicyOnWhatNumbersAndWhenToTryAgain() throws {
        var breaker = try opened()
        let error = try #require(throws: ResilienceError.self) { try breaker.acquire(at: now + .seconds(2)) }
        #expect(error.code == .circuitOpen)
        #expect(error.policy == "payment")
        #expect(error.retryAfter == .seconds(3))
        #expect(
            error.message == "open: 4 of the last 4 calls failed, the limit is 50.0 %; next probe in 3.0 seconds")
    }

    @Test func itAdmitsTheFirstProbeWhenTheTimeIsOver() throws {
        var breaker = try opened()
        #expect(!breaker.admits(at: probing - .nanoseconds(1)))
        #expect(throws: ResilienceError.self) { try breaker.acquire(at: probing - .nanoseconds(1)) }
        #expect(breaker.admits(at: probing))
        #expect(breaker.state(at: probing) == .halfOpen)
        _ = try breaker.acquire(at: probing)
        #expect(breaker.state(at: probing) == .halfOpen)
    }

    @Test func asManyProbesPassAsOutcomesAreAskedFor() throws {
        var breaker = try opened()
        let first = try breaker.acquire(at: probing)
        _ = try breaker.acquire(at: probing)
        _ = try breaker.acquire(at: probing + .seconds(1))
        #expect(!breaker.admits(at: probing + .seconds(1)))
        let error = try #require(throws: ResilienceError.self) { try breaker.acquire(at: probing + .seconds(1)) }
        #expect(error.message == "half-open: 3 probes are under way, 0 succeeded and 0 failed of 3")
        #expect(error.retryAfter == .seconds(4))
        breaker.record(first, .success, at: probing + .seconds(1))
        #expect(!breaker.admits(at: probing + .seconds(1)), "two are out, one has ended: three together")
    }

    @Test func itClosesAsSoonAsTheRestCannotChangeIt() throws {
        var breaker = try opened()
        let permits = try (0..<3).map { _ in try breaker.acquire(at: probing) }
        #expect(breaker.record(permits[0], .success, at: probing) == nil)
        let transition = breaker.record(permits[2], .success, at: probing)
        #expect(transition == CircuitBreaker.Transition(from: .halfOpen, to: .closed))
        #expect(breaker.record(permits[1], .failure, at: probing) == nil)
        #expect(breaker.counts(at: probing) == .zero, "it begins with an empty window, and the late probe is not in it")
    }

    @Test func itOpensAgainAsSoonAsTheThresholdIsReached() throws {
        var breaker = try opened()
        let permits = try (0..<3).map { _ in try breaker.acquire(at: probing) }
        #expect(breaker.record(permits[0], .failure, at: probing) == nil)
        let late = probing + .seconds(1)
        let open = CircuitBreaker.State.open(until: late + .seconds(5))
        #expect(
            breaker.record(permits[1], .failure, at: late) == CircuitBreaker.Transition(from: .halfOpen, to: open))
        #expect(breaker.record(permits[2], .success, at: late) == nil)
        #expect(breaker.state(at: late) == open)
    }

    @Test func oneFailedProbeOfThreeIsNotHalf() throws {
        var breaker = try opened()
        for outcome in [CircuitBreaker.Outcome.success, .failure, .success] {
            breaker.record(try breaker.acquire(at: probing), outcome, at: probing)
        }
        #expect(breaker.state(at: probing) == .closed)
    }

    @Test func aProbeThatSaysNothingGivesItsPlaceToAnother() throws {
        var breaker = try opened()
        for _ in 0..<20 { breaker.record(try breaker.acquire(at: probing), .ignored, at: probing) }
        #expect(breaker.state(at: probing) == .halfOpen)
        #expect(breaker.admits(at: probing))
    }

    @Test func aProbeWithoutOutcomeLosesItsPlaceAfterTheOpenTime() throws {
        var breaker = try opened()
        let lost = try (0..<3).map { _ in try breaker.acquire(at: probing) }
        let later = probing + .seconds(5)
        #expect(!breaker.admits(at: later - .nanoseconds(1)))
        #expect(breaker.admits(at: later))
        let fresh = try breaker.acquire(at: later)
        breaker.record(lost[0], .failure, at: later)
        breaker.record(lost[0], .failure, at: later)
        breaker.record(fresh, .success, at: later)
        #expect(breaker.state(at: later) == .halfOpen, "its outcome counts, once")
        breaker.record(lost[1], .success, at: later)
        #expect(breaker.state(at: later) == .closed)
    }

    /// Every probe loses its place before it answers.
    @Test(arguments: [CircuitBreaker.Outcome.success, .failure])
    func aCalleeThatNeedsLongerThanTheOpenTimeIsJudgedAllTheSame(_ outcome: CircuitBreaker.Outcome) throws {
        let settings = CircuitBreaker.Configuration(minimumCalls: 1, openFor: .milliseconds(100), halfOpenProbes: 1)
        var breaker = CircuitBreaker(configuration: settings)
        breaker.record(try breaker.acquire(at: now), .failure, at: now)
        var calls: [(permit: CircuitBreaker.Permit, end: MonotonicTime)] = []
        var time = now + .milliseconds(100)
        while breaker.state(at: time) == .halfOpen, time < now + .seconds(10) {
            for call in calls where call.end == time { breaker.record(call.permit, outcome, at: time) }
            if let permit = try? breaker.acquire(at: time) { calls.append((permit, time + .milliseconds(200))) }
            time = time + .milliseconds(50)
        }
        #expect(time == now + .milliseconds(350), "with the answer to the first probe")
        #expect((breaker.state(at: time) == .closed) == (outcome == .success))
    }

    @Test func aLateOutcomeOfAnEarlierStateIsIgnored() throws {
        var breaker = try breaker([.failure, .failure, .failure])
        let late = try breaker.acquire(at: now)
        breaker.record(try breaker.acquire(at: now), .failure, at: now)
        let open = CircuitBreaker.State.open(until: now + .seconds(5))
        #expect(breaker.state(at: now) == open)
        #expect(breaker.record(late, .failure, at: now + .seconds(4)) == nil)
        #expect(breaker.state(at: now + .seconds(4)) == open, "a late failure does not open it for longer")
        _ = try breaker.acquire(at: probing)
        breaker.record(late, .success, at: probing)
        breaker.record(late, .success, at: probing)
        #expect(breaker.state(at: probing) == .halfOpen, "a late success is no probe's")
    }

    @Test func aDoubledOutcomeOfAProbeIsIgnored() throws {
        var breaker = try opened()
        let probe = try breaker.acquire(at: probing)
        breaker.record(probe, .success, at: probing)
        breaker.record(probe, .success, at: probing)
        #expect(breaker.state(at: probing) == .halfOpen)
    }

    @Test func aThresholdOfOneNeedsEveryCallToFail() throws {
        let settings = CircuitBreaker.Configuration(window: .calls(4), minimumCalls: 2, failureRateThreshold: 1)
        var breaker = CircuitBreaker(configuration: settings)
        for outcome in [CircuitBreaker.Outcome.success, .failure, .failure, .failure] {
            breaker.record(try breaker.acquire(at: now), outcome, at: now)
        }
        #expect(breaker.state(at: now) == .closed)
        breaker.record(try breaker.acquire(at: now), .failure, at: now)
        #expect(breaker.state(at: now) != .closed)
    }

    @Test func settingsOutOfRangeMoveToTheNearestInRange() {
        let low = CircuitBreaker.Configuration(
            window: .calls(0), minimumCalls: -1, failureRateThreshold: .nan, openFor: .seconds(-1), halfOpenProbes: 0)
        #expect(
            low
                == CircuitBreaker.Configuration(
                    window: .calls(1), minimumCalls: 1, failureRateThreshold: 0.001, openFor: .zero, halfOpenProbes: 1))
        let high = CircuitBreaker.Configuration(
            window: .calls(.max), minimumCalls: .max, failureRateThreshold: 7, openFor: .zero, halfOpenProbes: .max)
        #expect(high.window == .calls(65_536))
        #expect(high.minimumCalls == 65_536)
        #expect(high.failureRateThreshold == 1)
        #expect(high.halfOpenProbes == 1_024)
    }

    @Test func theDefaultsAreThoseOfTheManual() {
        let settings = CircuitBreaker.Configuration()
        #expect(settings.window == .calls(100))
        #expect(settings.minimumCalls == 10)
        #expect(settings.failureRateThreshold == 0.5)
        #expect(settings.slowCallDuration == nil)
        #expect(settings.slowCallRateThreshold == 0.5)
        #expect(settings.openFor == .seconds(5))
        #expect(settings.halfOpenProbes == 3)
    }
}
