import ApusPrimitives
import ApusResilience
import Foundation
import Testing

/// Windows of time, slow calls, control by hand, and settings that change in use.
@Suite struct CircuitBreakerWindowTests {
    private let now = MonotonicTime.zero + .seconds(1)

    private func breaker(
        _ window: CircuitBreaker.Window = .calls(10), minimum: Int = 4, slow: Duration? = nil, slowShare: Double = 0.5
    ) -> CircuitBreaker {
        CircuitBreaker(
            "payment",
            configuration: CircuitBreaker.Configuration(
                window: window, minimumCalls: minimum, slowCallDuration: slow, slowCallRateThreshold: slowShare))
    }

    private func call(
        _ breaker: inout CircuitBreaker, _ outcome: CircuitBreaker.Outcome = .success, at now: MonotonicTime,
        took: Duration = .zero
    ) throws {
        breaker.record(try breaker.acquire(at: now - took), outcome, at: now)
    }

    // MARK: Windows of time

    @Test func onlyWhatEndedInTheWindowCounts() throws {
        var breaker = breaker(.time(.seconds(10), buckets: 10))
        for second in [0, 1, 2] { try call(&breaker, .failure, at: now + .seconds(second)) }
        #expect(breaker.counts(at: now + .seconds(9)).failures == 3)
        #expect(breaker.counts(at: now + .seconds(10)).failures == 2)
        #expect(breaker.counts(at: now + .seconds(60)) == .zero)
        try call(&breaker, .failure, at: now + .seconds(10))
        #expect(breaker.state(at: now + .seconds(10)) == .closed, "three of the last ten seconds, four are asked for")
        try call(&breaker, .failure, at: now + .seconds(10))
        #expect(breaker.state(at: now + .seconds(10)) == .open(until: now + .seconds(15)))
    }

    @Test func manyCallsInLittleTimeTakeNoMoreMemoryThanFew() throws {
        var breaker = breaker(.time(.seconds(1), buckets: 10))
        for _ in 0..<100_000 { try call(&breaker, at: now) }
        #expect(breaker.counts(at: now).calls == 100_000)
        for _ in 0..<99_999 { try call(&breaker, .failure, at: now) }
        #expect(breaker.state(at: now) == .closed)
        try call(&breaker, .failure, at: now)
        #expect(breaker.state(at: now) != .closed)
    }

    // MARK: Slow calls

    @Test func slowCallsOpenItWhateverComesOfThem() throws {
        var breaker = breaker(slow: .seconds(2), slowShare: 0.75)
        try call(&breaker, at: now, took: .seconds(2))
        for _ in 0..<2 { try call(&breaker, at: now, took: .seconds(3)) }
        #expect(breaker.state(at: now) == .closed, "what takes exactly as long is not slow")
        try call(&breaker, .failure, at: now, took: .seconds(3))
        #expect(breaker.state(at: now) == .open(until: now + .seconds(5)))
        let error = try #require(throws: ResilienceError.self) { try breaker.acquire(at: now) }
        #expect(
            error.message
                == "open: 3 of the last 4 calls took longer than 2.0 seconds, the limit is 75.0 %; "
                + "next probe in 5.0 seconds")
    }

    @Test func slowProbesKeepItOpen() throws {
        var breaker = breaker(slow: .seconds(1))
        for _ in 0..<4 { try call(&breaker, .failure, at: now) }
        let probing = now + .seconds(5)
        let probes = try (0..<2).map { _ in try breaker.acquire(at: probing) }
        #expect(breaker.record(probes[0], .success, at: probing + .seconds(2)) == nil)
        breaker.record(probes[1], .success, at: probing + .seconds(2))
        #expect(breaker.state(at: probing + .seconds(2)) == .open(until: probing + .seconds(7)))
    }

    @Test func withoutADurationNoCallIsSlow() throws {
        var breaker = breaker()
        for _ in 0..<10 { try call(&breaker, at: now, took: .seconds(600)) }
        #expect(breaker.state(at: now) == .closed)
        #expect(breaker.counts(at: now).slow == 0)
    }

    // MARK: By hand

    @Test func heldOpenItRefusesUntilSomebodyClosesIt() throws {
        var breaker = breaker()
        #expect(breaker.forceOpen() == CircuitBreaker.Transition(from: .closed, to: .forcedOpen))
        #expect(breaker.forceOpen() == nil)
        #expect(!breaker.admits(at: .distantFuture))
        let error = try #require(throws: ResilienceError.self) { try breaker.acquire(at: .distantFuture) }
        #expect(error.code == .circuitOpen)
        #expect(error.retryAfter == nil, "nobody can know")
        #expect(breaker.reset() == CircuitBreaker.Transition(from: .forcedOpen, to: .closed))
        #expect(breaker.admits(at: now))
    }

    @Test func heldClosedItCountsAndNeverOpens() throws {
        var breaker = breaker()
        for _ in 0..<4 { try call(&breaker, .failure, at: now) }
        let open = CircuitBreaker.State.open(until: now + .seconds(5))
        #expect(breaker.forceClosed() == CircuitBreaker.Transition(from: open, to: .forcedClosed))
        for _ in 0..<9 { try call(&breaker, .failure, at: now) }
        #expect(breaker.state(at: now) == .forcedClosed)
        #expect(breaker.counts(at: now).failures == 9)
    }

    @Test func afterAResetItIsLikeNew() throws {
        var breaker = breaker()
        for _ in 0..<3 { try call(&breaker, .failure, at: now) }
        let late = try breaker.acquire(at: now)
        #expect(breaker.reset() == nil, "it was closed before")
        breaker.record(late, .failure, at: now)
        #expect(breaker.counts(at: now) == .zero, "also without the calls that are still out")
        for _ in 0..<4 { try call(&breaker, .failure, at: now) }
        #expect(breaker.state(at: now) == .open(until: now + .seconds(5)), "and free to open")
    }

    // MARK: Changes in use

    @Test func aChangeKeepsTheWindow() throws {
        var breaker = breaker(.calls(10), minimum: 10)
        for _ in 0..<6 { try call(&breaker, at: now) }
        for _ in 0..<3 { try call(&breaker, .failure, at: now) }
        let permit = try breaker.acquire(at: now)
        breaker.reconfigure(CircuitBreaker.Configuration(window: .calls(4), minimumCalls: 4), at: now)
        #expect(breaker.counts(at: now) == CircuitBreaker.Counts(calls: 4, failures: 3))
        #expect(breaker.state(at: now) == .closed, "the new threshold applies from the next outcome on")
        breaker.record(permit, .success, at: now)
        #expect(breaker.state(at: now) == .open(until: now + .seconds(5)))
    }

    @Test func callsMoveBetweenWindowsOfCallsAndOfTime() throws {
        var breaker = breaker(.calls(100), minimum: 100)
        for _ in 0..<20 { try call(&breaker, at: now) }
        for _ in 0..<20 { try call(&breaker, .failure, at: now) }
        let time = CircuitBreaker.Configuration(window: .time(.seconds(10)), minimumCalls: 100)
        breaker.reconfigure(time, at: now)
        #expect(breaker.counts(at: now + .seconds(9)) == CircuitBreaker.Counts(calls: 40, failures: 20))
        breaker.reconfigure(CircuitBreaker.Configuration(window: .calls(10)), at: now + .seconds(9))
        #expect(breaker.counts(at: now) == CircuitBreaker.Counts(calls: 10, failures: 5))
    }

    @Test func anOpenBreakerCountsItsTimeFromWhenItOpened() throws {
        var breaker = breaker()
        for _ in 0..<4 { try call(&breaker, .failure, at: now) }
        breaker.reconfigure(CircuitBreaker.Configuration(openFor: .seconds(2)), at: now + .seconds(1))
        #expect(breaker.state(at: now + .seconds(1)) == .open(until: now + .seconds(2)))
        #expect(breaker.admits(at: now + .seconds(2)))
    }

    @Test func fewerProbesDecideAtOnce() throws {
        var breaker = breaker()
        for _ in 0..<4 { try call(&breaker, .failure, at: now) }
        breaker.reconfigure(CircuitBreaker.Configuration(halfOpenProbes: 9), at: now)
        let probing = now + .seconds(5)
        for _ in 0..<3 { try call(&breaker, at: probing) }
        #expect(breaker.state(at: probing) == .halfOpen)
        let change = breaker.reconfigure(CircuitBreaker.Configuration(halfOpenProbes: 3), at: probing)
        #expect(change == CircuitBreaker.Transition(from: .halfOpen, to: .closed))
    }

    // MARK: In a file

    @Test func whatIsWrittenIsReadAgain() throws {
        for window in [CircuitBreaker.Window.calls(7), .time(.seconds(30), buckets: 6)] {
            let settings = CircuitBreaker.Configuration(
                window: window, minimumCalls: 3, failureRateThreshold: 0.25, slowCallDuration: .milliseconds(1_500),
                slowCallRateThreshold: 0.75, openFor: .milliseconds(2_500), halfOpenProbes: 5)
            #expect(try JSON.read(JSON.write(settings)) == settings)
        }
        #expect(try JSON.read("{}") == CircuitBreaker.Configuration())
        #expect(try JSON.read(#"{"windowCalls": 5}"#) == CircuitBreaker.Configuration(window: .calls(5)))
    }

    @Test(arguments: [
        (#"{"windowSize": 100}"#, "windowSize: not a setting"),
        (#"{"windowCalls": 65537}"#, "windowCalls: 65537 is not a whole number from 1 to 65536"),
        (#"{"windowCalls": 5, "minimumCalls": 6}"#, "minimumCalls: 6 is not a whole number from 1 to 5"),
        (
            #"{"windowCalls": 5, "windowMilliseconds": 6}"#,
            "windowCalls: 5 is not used together with windowMilliseconds"
        ),
        (#"{"windowBuckets": 5}"#, "windowBuckets: 5 is not used without windowMilliseconds"),
        (#"{"windowMilliseconds": 0}"#, "windowMilliseconds: 0 is not whole milliseconds from 1 to 86400000"),
        (#"{"windowMilliseconds": 8, "windowBuckets": 9}"#, "windowBuckets: 9 is not a whole number from 1 to 8"),
        (#"{"failureRateThreshold": 50}"#, "failureRateThreshold: 50 is not a number from 0.001 to 1.0"),
        (#"{"slowCallMilliseconds": 0}"#, "slowCallMilliseconds: 0 is not whole milliseconds from 1"),
        (#"{"slowCallRateThreshold": 0}"#, "slowCallRateThreshold: 0 is not a number from 0.001 to 1.0"),
        (#"{"openMilliseconds": "5s"}"#, "openMilliseconds: “5s” is not whole milliseconds from 0"),
        (#"{"halfOpenProbes": 0}"#, "halfOpenProbes: 0 is not a whole number from 1 to 1024"),
    ]) func whatIsWrongInAFileIsNamed(text: String, expected: String) throws {
        let error = try #require(throws: DecodingError.self) {
            try JSON.read(text, as: CircuitBreaker.Configuration.self)
        }
        guard case .dataCorrupted(let context) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(context.debugDescription.contains(expected), "\(context.debugDescription)")
    }
}
