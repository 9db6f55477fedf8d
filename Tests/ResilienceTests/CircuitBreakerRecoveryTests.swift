import ApusPrimitives
import ApusResilience
import Testing

/// A breaker that stays open long after the fault is gone is worse than none (go-zero 4101).
@Suite struct CircuitBreakerRecoveryTests {
    private let call = Duration.milliseconds(10)

    /// Sends a call every 10 ms to a callee that fails until `faultEnds`; the moment from which on all calls pass.
    private func recovers(_ breaker: inout CircuitBreaker, faultEnds: Duration, forgetful: Bool = false) -> Duration {
        var lastRefusal = Duration.zero
        for tick in 0..<60_000 {
            let elapsed = call * tick
            let now = MonotonicTime.zero + elapsed
            guard let permit = try? breaker.acquire(at: now) else {
                lastRefusal = elapsed
                continue
            }
            let failed = elapsed < faultEnds
            if failed && forgetful { continue }
            breaker.record(permit, failed ? .failure : .success, at: now)
        }
        return lastRefusal
    }

    @Test(arguments: [1, 30, 300]) func trafficFlowsOneOpenTimeAfterTheFaultHoweverLongItWas(seconds: Int) {
        var breaker = CircuitBreaker()
        let fault = Duration.seconds(seconds)
        let recovered = recovers(&breaker, faultEnds: fault)
        #expect(recovered > .seconds(0.05), "it did open")
        #expect(recovered <= fault + breaker.configuration.openFor)
    }

    /// The same with a window of time, for a callee that fails and for one that is slow.
    @Test(arguments: [1, 30, 300], [true, false]) func aWindowOfTimeAndSlowCallsDoNotHoldItUp(
        seconds: Int, isSlow: Bool
    ) {
        var breaker = CircuitBreaker(
            configuration: CircuitBreaker.Configuration(
                window: .time(.seconds(60)), slowCallDuration: .milliseconds(100)))
        let fault = Duration.seconds(seconds)
        var waiting: [(ends: Duration, permit: CircuitBreaker.Permit)] = []
        var lastRefusal = Duration.zero
        for tick in 0..<40_000 {
            let elapsed = call * tick
            let now = MonotonicTime.zero + elapsed
            while let first = waiting.first, first.ends <= elapsed {
                breaker.record(waiting.removeFirst().permit, .success, at: now)
            }
            guard let permit = try? breaker.acquire(at: now) else {
                lastRefusal = elapsed
                continue
            }
            if elapsed >= fault {
                breaker.record(permit, .success, at: now)
            } else if isSlow {
                waiting.append((elapsed + .milliseconds(200), permit))
            } else {
                breaker.record(permit, .failure, at: now)
            }
        }
        #expect(lastRefusal > .milliseconds(50), "it did open")
        // A slow probe that was sent before the end may open it once more, when it ends.
        #expect(lastRefusal <= fault + breaker.configuration.openFor + .milliseconds(isSlow ? 200 : 0))
    }

    @Test func outcomesThatWereNeverRecordedDoNotKeepItOpen() {
        var breaker = CircuitBreaker()
        for _ in 0..<10 {
            if let permit = try? breaker.acquire(at: .zero) { breaker.record(permit, .failure, at: .zero) }
        }
        let fault = Duration.seconds(60)
        let recovered = recovers(&breaker, faultEnds: fault, forgetful: true)
        #expect(recovered > .seconds(5))
        #expect(recovered <= fault + breaker.configuration.openFor)
    }

    @Test func aCalleeThatFailsATenthOfItsCallsIsLetBackIn() {
        // Rigorous probing (all three must succeed) would refuse it in 27 % of the rounds; half-open asks for two of three.
        var random = SeededRandom(seed: 77)
        var closed = 0
        for _ in 0..<1_000 {
            var breaker = CircuitBreaker()
            for _ in 0..<10 {
                if let permit = try? breaker.acquire(at: .zero) { breaker.record(permit, .failure, at: .zero) }
            }
            let now = MonotonicTime.zero + .seconds(5)
            for _ in 0..<3 where breaker.state(at: now) == .halfOpen {
                guard let permit = try? breaker.acquire(at: now) else { continue }
                let failed = Int.random(in: 0..<10, using: &random) == 0
                breaker.record(permit, failed ? .failure : .success, at: now)
            }
            if breaker.state(at: now) == .closed { closed += 1 }
        }
        #expect(closed > 950)
    }
}
