import ApusPrimitives
import ApusResilience
import Testing

/// What the policies do together, each time beside the same users and faults without them.
///
/// Every test prints its row of the table in docs/resilience.md: `make resilience-figures`.
@Suite struct SimulationTests {
    private static let seeds: ClosedRange<UInt64> = 1...10

    private struct Pair {
        let seed: UInt64
        let scenario: Scenario
        let on: SimulationRecord
        let off: SimulationRecord
    }

    /// Every seed with the policies and without.
    private func pairs(
        _ base: Scenario, on: Policies = .on, off: Policies = .off, vary: (inout Scenario) -> Void = { _ in }
    ) -> [Pair] {
        Self.seeds.map { seed in
            var scenario = base
            scenario.seed = seed
            scenario.policies = on
            vary(&scenario)
            let with = Simulation.run(scenario)
            scenario.policies = off
            return Pair(seed: seed, scenario: scenario, on: with, off: Simulation.run(scenario))
        }
    }

    /// One server that answers a hundred requests a second, and users who send seventy.
    private func scenario(_ faults: [Scenario.Fault] = [], length: Duration = .seconds(45)) -> Scenario {
        Scenario(seed: 0, length: length, load: .open(perSecond: 70), faults: faults, policies: .off)
    }

    private func row(_ name: String, _ figure: String, _ pairs: [Pair], _ value: (SimulationRecord) -> Double?) {
        row(name, figure, pairs.map { value($0.on) }, pairs.map { value($0.off) })
    }

    private func row(_ name: String, _ figure: String, _ on: [Double?], _ off: [Double?]) {
        func range(_ values: [Double?]) -> String {
            let known = values.compactMap(\.self).sorted()
            guard let least = known.first, let most = known.last else { return "never" }
            let text = "\(least.short) to \(most.short)"
            return known.count == values.count
                ? text : "\(text), or never (\(values.count - known.count) of \(values.count))"
        }
        print("| \(name) | \(figure) | \(range(on)) | \(off.isEmpty ? "–" : range(off)) |")
    }

    @Test func aRetryStormAfterAShortOutageClears() {
        var scenario = scenario([.init(kind: .outage, start: .seconds(5), length: .seconds(5))])
        scenario.impatience = 0.5
        let pairs = pairs(scenario)
        for pair in pairs {
            let cleared = pair.on.cleared(after: .seconds(10))
            #expect(cleared ?? .max <= 15, "seed \(pair.seed)")
            #expect(pair.off.cleared(after: .seconds(10)) == nil, "seed \(pair.seed)")
            #expect(pair.off.goodput(from: .seconds(35), to: .seconds(45)) < 7, "seed \(pair.seed)")
        }
        row("outage of 5 s at 70 % load, users who reload", "s until 99 % succeed", pairs) {
            $0.cleared(after: .seconds(10)).map(Double.init)
        }
    }

    @Test func underThreeTimesTheCapacityMostOfItIsUseful() {
        var scenario = scenario(length: .seconds(40))
        scenario.load = .open(perSecond: 3 * scenario.capacity)
        let pairs = pairs(scenario)
        func share(_ record: SimulationRecord) -> Double {
            record.goodput(from: .seconds(5), to: .seconds(40)) / scenario.capacity
        }
        for pair in pairs {
            #expect(share(pair.on) > 0.9, "seed \(pair.seed)")
            #expect(share(pair.off) < 0.1, "seed \(pair.seed)")
        }
        row("3 × the capacity", "% of the capacity answered in time", pairs) { share($0) * 100 }
    }

    @Test func underOverloadTheImportantGoLast() {
        // As fast as the server of the other tests, with more places, so that there are shares to see.
        var scenario = scenario(length: .seconds(30))
        scenario.workers = 16
        scenario.serviceTime = .init(mean: .milliseconds(160))
        scenario.load = .open(perSecond: 2 * scenario.capacity)
        scenario.priorities = [(.critical, 0.2), (.background, 0.3), (.sheddable, 0.3)]
        let pairs = pairs(scenario)
        func share(_ record: SimulationRecord, _ priority: RequestPriority) -> Double {
            let index = Int(priority.rawValue)
            return Double(record.succeeded[index]) / Double(max(record.succeeded[index] + record.failed[index], 1))
        }
        for pair in pairs {
            #expect(share(pair.on, .critical) > 0.5, "seed \(pair.seed)")
            #expect(share(pair.on, .sheddable) * 2 < share(pair.on, .critical), "seed \(pair.seed)")
            #expect(share(pair.off, .critical) < 0.3, "seed \(pair.seed)")
        }
        row("2 × the capacity, a fifth of it critical", "% of critical requests answered", pairs) {
            share($0, .critical) * 100
        }
        row("the same", "% of sheddable requests answered", pairs) { share($0, .sheddable) * 100 }
    }

    @Test func theBreakerLetsTrafficFlowWithinOneOpenTimeAfterTheFault() {
        var breakerOnly = Policies.off
        breakerOnly.breaker = CircuitBreaker.Configuration()
        // Without it, the fault is over only when the server has worked off what nobody waits for.
        breakerOnly.passesDeadline = true
        // Of different lengths, so that it ends at any moment between two probes.
        let pairs = pairs(scenario(), on: breakerOnly) {
            $0.faults = [.init(kind: .outage, start: .seconds(5), length: .milliseconds(10_000 + 650 * $0.seed))]
        }
        func refused(_ pair: Pair) -> Double {
            max((pair.on.lastRefusal - pair.scenario.faults[0].end).seconds, 0)
        }
        func recovered(_ record: SimulationRecord, _ pair: Pair) -> Double? {
            record.cleared(after: pair.scenario.faults[0].end, rate: 0.9).map(Double.init)
        }
        for pair in pairs {
            // The open time, which begins at the latest when a probe of before the end has timed out.
            #expect(refused(pair) <= 6, "seed \(pair.seed)")
            #expect(recovered(pair.on, pair) ?? .infinity <= 7, "seed \(pair.seed)")
            #expect(recovered(pair.off, pair) ?? .infinity > 10, "seed \(pair.seed)")
        }
        let name = "outage of 11 to 17 s, breaker and deadlines alone"
        row(name, "s until the breaker refuses nothing", pairs.map(refused), [])
        row("the same", "s until 90 % succeed", pairs.map { recovered($0.on, $0) }, pairs.map { recovered($0.off, $0) })
    }

    @Test func hedgingHalvesTheTailForOneCallInTwenty() {
        var scenario = scenario(length: .seconds(40))
        scenario.servers = 4
        scenario.serviceTime = .init(mean: .milliseconds(10), tailShare: 0.02, tail: 0.2...0.6)
        scenario.load = .open(perSecond: 200)
        var hedged = Policies.off
        hedged.hedge = Hedge.Configuration()
        let pairs = pairs(scenario, on: hedged)
        for pair in pairs {
            #expect(pair.on.latency(at: 0.99) * 2 <= pair.off.latency(at: 0.99), "seed \(pair.seed)")
            #expect(Double(pair.on.attempts) <= 1.05 * Double(pair.off.attempts), "seed \(pair.seed)")
        }
        row("one request in 50 takes 200 to 600 ms", "p99 in ms", pairs) { $0.latency(at: 0.99).seconds * 1_000 }
        row("the same", "calls per request", pairs) { Double($0.attempts) / Double($0.calls) }
        row("the same", "worker time per request in ms", pairs) { $0.work.seconds * 1_000 / Double($0.calls) }
    }

    @Test func aSlowServerAnswersWhatItCan() {
        let pairs = pairs(scenario([.init(kind: .slow(5), start: .seconds(5), length: .seconds(20))]))
        func share(_ record: SimulationRecord) -> Double { record.goodput(from: .seconds(12), to: .seconds(25)) / 20 }
        for pair in pairs {
            #expect(share(pair.on) > 0.6, "seed \(pair.seed)")
            #expect(share(pair.off) < 0.1, "seed \(pair.seed)")
            #expect(pair.on.cleared(after: .seconds(25), rate: 0.9) ?? .max <= 8, "seed \(pair.seed)")
            #expect(pair.off.cleared(after: .seconds(25), rate: 0.9) == nil, "seed \(pair.seed)")
        }
        row("5 × as slow for 20 s", "% of what it then can", pairs) { share($0) * 100 }
        row("the same", "s until 90 % succeed", pairs) { $0.cleared(after: .seconds(25), rate: 0.9).map(Double.init) }
    }

    @Test func aFailingServerIsLeftAlone() {
        let pairs = pairs(scenario([.init(kind: .failing, start: .seconds(5), length: .seconds(20))]))
        for pair in pairs {
            #expect(pair.on.sent(from: .seconds(6), to: .seconds(25)) < 100, "seed \(pair.seed)")
            #expect(pair.off.sent(from: .seconds(6), to: .seconds(25)) > 2_500, "seed \(pair.seed)")
            #expect(pair.on.cleared(after: .seconds(25), rate: 0.9) ?? .max <= 6, "seed \(pair.seed)")
        }
        row("every request fails for 20 s", "requests sent from the second second on", pairs) {
            Double($0.sent(from: .seconds(6), to: .seconds(25)))
        }
    }

    @Test func halfOfTheServersHang() {
        var scenario = scenario([.init(kind: .outage, start: .seconds(5), length: .seconds(20), servers: 2)])
        scenario.servers = 4
        scenario.load = .open(perSecond: 150)
        let pairs = pairs(scenario)
        for pair in pairs {
            #expect(pair.on.cleared(after: .seconds(25), rate: 0.9) ?? .max <= 3, "seed \(pair.seed)")
            #expect(pair.off.cleared(after: .seconds(25), rate: 0.9) ?? .max > 5, "seed \(pair.seed)")
        }
        row("two of four servers hang for 20 s", "s until 90 % succeed", pairs) {
            $0.cleared(after: .seconds(25), rate: 0.9).map(Double.init)
        }
        row("the same", "% answered meanwhile", pairs) { $0.successRate(from: .seconds(5), to: .seconds(25)) * 100 }
    }

    @Test func usersWhoWaitForTheirAnswerKeepTheQueueShort() {
        var scenario = scenario(length: .seconds(20))
        scenario.load = .closed(users: 30, thinking: .milliseconds(100))
        for pair in pairs(scenario) {
            #expect(
                pair.on.goodput(from: .seconds(5), to: .seconds(20)) > 0.85 * scenario.capacity, "seed \(pair.seed)")
            #expect(pair.off.longestQueue <= 30 && pair.on.longestQueue <= 30, "seed \(pair.seed)")
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func theSameSeedGivesTheSameTrace(seed: UInt64) {
        var scenario = scenario([.init(kind: .outage, start: .seconds(3), length: .seconds(3))], length: .seconds(10))
        scenario.seed = seed
        scenario.impatience = 0.5
        scenario.policies = .on
        scenario.policies.hedge = Hedge.Configuration()
        let first = Simulation.run(scenario)
        #expect(Simulation.run(scenario).digest == first.digest)
        scenario.seed += 1
        #expect(Simulation.run(scenario).digest != first.digest)
    }
}

extension Double {
    /// Three digits are enough for a table.
    fileprivate var short: String {
        let factor = abs(self) < 10 ? 100.0 : abs(self) < 100 ? 10 : 1
        let rounded = (self * factor).rounded() / factor
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }
}
