import ApusPrimitives
import ApusResilience
import Testing

/// The adaptive breaker against its manual, written down plainly, and against faults.
@Suite struct AdaptiveBreakerModelTests {
    /// Everything that ever happened, looked at again for each question.
    private struct Model {
        struct Event {
            var bucket: Int64
            let accepted: Bool
        }

        var settings: AdaptiveBreaker.Configuration
        var events: [Event] = []
        var passes: [MonotonicTime] = []
        var healthySince: MonotonicTime?

        func bucket(_ now: MonotonicTime) -> Int64 { now.nanoseconds / (settings.window.nanoseconds / 20) }

        func probability(at now: MonotonicTime, healthyFor time: Duration) -> Double {
            let recent = events.filter { bucket(now) - $0.bucket < 20 }
            guard recent.count >= settings.minimumCalls else { return 0 }
            let accepts = Double(recent.count { $0.accepted })
            let left = max(1 - time.seconds / settings.recovery.seconds, 0)
            return max(0, (Double(recent.count) - settings.k * accepts) / Double(recent.count + 1)) * left
        }

        mutating func acquire(at now: MonotonicTime, using random: inout SeededRandom) -> Bool {
            let probability = probability(at: now, healthyFor: healthySince.map { now - $0 } ?? .zero)
            let isDue = passes.last.map { now - $0 >= settings.probeInterval } ?? true
            if probability > 0, Double.random(in: 0..<1, using: &random) < probability, !isDue {
                events.append(Event(bucket: bucket(now), accepted: false))
                return false
            }
            passes.append(now)
            return true
        }

        mutating func record(started: MonotonicTime, succeeded: Bool, at now: MonotonicTime) {
            events.append(Event(bucket: bucket(now), accepted: succeeded))
            if !succeeded {
                if let since = healthySince, started >= since { healthySince = nil }
                return
            }
            if healthySince == nil { healthySince = now }
            if now - healthySince! >= settings.recovery, probability(at: now, healthyFor: .zero) > 0 { events = [] }
        }
    }

    @Test func agreesWithTheModel() {
        var refused = 0
        for seed in 0..<150 {
            var random = SeededRandom(seed: UInt64(seed))
            let settings = AdaptiveBreaker.Configuration(
                window: .seconds(Int.random(in: 1...10, using: &random)),
                k: [1.25, 1.5, 2, 4].randomElement(using: &random)!,
                minimumCalls: Int.random(in: 1...30, using: &random),
                probeInterval: .milliseconds(Int.random(in: 1...2_000, using: &random)),
                recovery: .milliseconds(Int.random(in: 1...2_000, using: &random)))
            var breaker = AdaptiveBreaker(configuration: settings)
            var model = Model(settings: settings)
            var dice = SeededRandom(seed: UInt64(seed) + 1_000)
            var sameDice = dice
            var now = MonotonicTime.zero
            var pending: [(permit: AdaptiveBreaker.Permit, started: MonotonicTime)] = []
            var failureShare = 0.5
            for step in 0..<500 {
                now = now + .milliseconds(Int.random(in: 0...40, using: &random))
                if step % 50 == 0 { failureShare = [0, 0.3, 0.7, 1].randomElement(using: &random)! }
                if Bool.random(using: &random) {
                    let expected = model.acquire(at: now, using: &sameDice)
                    let permit = try? breaker.acquire(at: now, using: &dice)
                    #expect((permit != nil) == expected, "seed \(seed), step \(step)")
                    if let permit { pending.append((permit, now)) } else { refused += 1 }
                } else if let index = pending.indices.randomElement(using: &random) {
                    let (permit, started) = pending.remove(at: index)
                    let failed = Double.random(in: 0..<1, using: &random) < failureShare
                    breaker.record(permit, failed ? .failure : .success, at: now)
                    model.record(started: started, succeeded: !failed, at: now)
                }
                #expect(breaker.numbers(at: now).requests == model.events.count { model.bucket(now) - $0.bucket < 20 })
            }
        }
        #expect(refused > 1_000)
    }

    /// 100 calls a second; the moment of the last refusal, and how many calls passed while the callee was down.
    private func outage(_ breaker: inout AdaptiveBreaker, seconds: Int) -> (recovered: Duration, passed: Int) {
        var random = SeededRandom(seed: 4)
        var lastRefusal = Duration.zero
        var passed = 0
        for tick in 0..<(seconds + 60) * 100 {
            let elapsed = Duration.milliseconds(10 * tick)
            let now = MonotonicTime.zero + elapsed
            let isDown = elapsed >= .seconds(30) && elapsed < .seconds(30 + seconds)
            guard let permit = try? breaker.acquire(at: now, using: &random) else {
                lastRefusal = elapsed
                continue
            }
            if isDown { passed += 1 }
            breaker.record(permit, isDown ? .failure : .success, at: now)
        }
        return (lastRefusal - .seconds(30 + seconds), passed)
    }

    @Test(arguments: [20, 60, 300]) func trafficFlowsWithinAnIntervalAndARecoveryHoweverLongItWas(seconds: Int) {
        var breaker = AdaptiveBreaker()
        let (recovered, passed) = outage(&breaker, seconds: seconds)
        #expect(recovered > .seconds(-1), "it did refuse")
        let bound = breaker.configuration.probeInterval + breaker.configuration.recovery
        #expect(recovered <= bound, "\(recovered)")
        // Before it refuses, no more calls than a window holds; then one or two a second.
        #expect(passed < 1_000 + 2 * seconds, "\(passed)")
    }

    /// A callee that can take 20 calls a second of the 200 that want to be made.
    @Test func anOverloadedCalleeGetsNotMuchMoreThanItsMultiple() {
        var breaker = AdaptiveBreaker()
        var random = SeededRandom(seed: 5)
        var sent = 0
        var accepted = 0
        for second in 0..<120 {
            var left = 20
            for tick in 0..<200 {
                let now = MonotonicTime.zero + .seconds(second) + .milliseconds(5 * tick)
                guard let permit = try? breaker.acquire(at: now, using: &random) else { continue }
                let isAccepted = left > 0 && Int.random(in: 0..<2, using: &random) == 0
                if isAccepted { left -= 1 }
                breaker.record(permit, isAccepted ? .success : .failure, at: now)
                if second >= 60 {
                    sent += 1
                    if isAccepted { accepted += 1 }
                }
            }
        }
        #expect(sent < 60 * 20 * 3, "\(sent) sent for \(accepted) accepted; all would be 12,000")
        #expect(accepted > 60 * 10, "\(accepted)")
    }
}
