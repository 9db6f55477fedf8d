import ApusPrimitives
import ApusResilience
import Testing

@Suite struct HedgeTests {
    private func hedge(_ configuration: Hedge.Configuration, samples: Int = 0) -> Hedge {
        var hedge = Hedge("search", configuration: configuration)
        for sample in 0..<samples { hedge.recordFirstCall(.milliseconds(1 + sample % 100)) }
        return hedge
    }

    @Test func aQuantileMeansNothingBeforeEnoughLatencies() {
        var hedge = hedge(.init(minimumSamples: 100), samples: 99)
        #expect(hedge.begin() == nil)
        hedge.recordFirstCall(.milliseconds(1))
        #expect(hedge.begin() != nil)
    }

    @Test func theDelayIsTheQuantileOfTheLatencies() throws {
        let hedge = hedge(.init(delay: .quantile(0.95)), samples: 1_000)
        let delay = try #require(hedge.delay)
        #expect(abs(delay.seconds - 0.095) < 0.006)
    }

    @Test func itForgetsHowItWasBefore() throws {
        var hedge = hedge(.init(delay: .quantile(0.95)), samples: 10_000)
        for _ in 0..<5_000 { hedge.recordFirstCall(.milliseconds(5)) }
        let delay = try #require(hedge.delay)
        #expect(delay < .milliseconds(6))
    }

    @Test func onceKnownTheDelayStaysKnown() {
        var hedge = hedge(.init(minimumSamples: 1_000), samples: 1_000)
        for sample in 0..<10_000 {
            hedge.recordFirstCall(.microseconds(1 << (sample % 30)))
            #expect(hedge.delay != nil)
        }
    }

    @Test func theDelayIsNeverShorterThanTheMinimum() {
        #expect(hedge(.init(delay: .fixed(.zero), minimumDelay: .milliseconds(3))).delay == .milliseconds(3))
        #expect(hedge(.init(minimumDelay: .seconds(1)), samples: 100).delay == .seconds(1))
    }

    @Test func theBudgetIsAShareOfTheCalls() {
        var hedge = hedge(.init(delay: .fixed(.seconds(1)), budget: 0.05))
        for call in 1...100 {
            _ = hedge.begin()
            #expect(hedge.startExtraCall() == (call % 20 == 0), "call \(call)")
        }
        #expect(hedge.extraCalls == 5)
    }

    @Test func onlySoManyUnusedExtraCallsAreKept() {
        var hedge = hedge(.init(delay: .fixed(.seconds(1)), budget: 1, burst: 3))
        for _ in 0..<100 { _ = hedge.begin() }
        let started = (0..<10).count { _ in hedge.startExtraCall() }
        #expect(started == 3)
    }

    @Test func noCallHasMoreExtraCallsThanAllowed() {
        var hedge = hedge(.init(delay: .fixed(.seconds(1)), maxExtraCalls: 2, budget: 1))
        for _ in 0..<10 { _ = hedge.begin() }
        let started = (1...4).map { hedge.startExtraCall($0) }
        #expect(started == [true, true, false, false])
    }

    @Test func reconfiguringKeepsLatenciesAndBudgetWithinTheNewBurst() throws {
        var hedge = hedge(.init(budget: 1, burst: 10), samples: 200)
        for _ in 0..<10 { _ = hedge.begin() }
        hedge.reconfigure(.init(budget: 0.001, burst: 2), at: .zero)
        #expect(abs(try #require(hedge.delay).seconds - 0.095) < 0.006)
        let started = (0..<10).count { _ in hedge.startExtraCall() }
        #expect(started == 2)
        #expect(hedge.calls == 10)
    }

    @Test func settingsOutOfRangeMoveToTheNearestInRange() {
        let low = Hedge.Configuration(
            delay: .quantile(.nan), maxExtraCalls: 0, budget: -1, burst: 0, minimumSamples: 0,
            minimumDelay: .seconds(-1))
        #expect(
            low
                == Hedge.Configuration(
                    delay: .quantile(0.5), maxExtraCalls: 1, budget: 0.001, burst: 1, minimumSamples: 1,
                    minimumDelay: .zero))
        let high = Hedge.Configuration(
            delay: .quantile(1), maxExtraCalls: 99, budget: 2, burst: .max, minimumSamples: .max)
        #expect(
            high
                == Hedge.Configuration(
                    delay: .quantile(0.9999), maxExtraCalls: 10, budget: 1, burst: 10_000, minimumSamples: 1_000))
        #expect(Hedge.Configuration(delay: .fixed(.seconds(-1))).delay == .fixed(.zero))
    }

    /// Against the budget written as plainly as possible: a list of calls, counted from the beginning each time.
    @Test func agreesWithTheModelOfItsBudget() {
        var started = 0
        var refused = 0
        for seed in 0..<300 {
            var random = SeededRandom(seed: UInt64(seed))
            let perMille = Int.random(in: 1...1_000, using: &random)
            let settings = Hedge.Configuration(
                delay: .fixed(.milliseconds(1)), maxExtraCalls: 3, budget: Double(perMille) / 1_000,
                burst: Int.random(in: 1...5, using: &random))
            var hedge = Hedge(configuration: settings)
            // Thousandths of a call: what each event left.
            var left = [0]
            for step in 0..<300 {
                if Bool.random(using: &random) {
                    _ = hedge.begin()
                    left.append(min(left.last! + perMille, settings.burst * 1_000))
                } else {
                    let extra = Int.random(in: 1...4, using: &random)
                    let expected = extra <= 3 && left.last! >= 1_000
                    #expect(hedge.startExtraCall(extra) == expected, "seed \(seed), step \(step)")
                    if expected { left.append(left.last! - 1_000) }
                    started += expected ? 1 : 0
                    refused += expected ? 0 : 1
                }
                #expect(hedge.extraCalls * 1_000 <= hedge.calls * perMille, "seed \(seed), step \(step)")
            }
        }
        #expect(started > 1_000 && refused > 1_000)
    }
}
