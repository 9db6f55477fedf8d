import ApusPrimitives
import Testing

@testable import ApusResilience

/// The bounds that the manual states, under any faults.
@Suite struct QuotaSimulationTests {
    /// Whether the calls of any stretch of time are at most `burst` plus what comes in it.
    private func excess(_ calls: [MonotonicTime], burst: Int, perSecond rate: Int) -> Double {
        // A token bucket over all of them tells by how much its burst would have to be larger.
        var (level, least) = (0.0, 0.0)
        var last = calls.first ?? .zero
        for call in calls {
            level = min(level + (call - last).seconds * Double(rate), 0) - 1
            last = call
            least = min(least, level)
        }
        return -least - Double(burst)
    }

    @Test func withoutPartitionsTheSumNeverExceedsTheLimit() {
        var full = 0
        for seed in 0..<25 as Range<UInt64> {
            let count = 1 + Int(seed % 6)
            var simulation = QuotaSimulation(seed: seed, instances: count, permits: [1, 7, 100][Int(seed % 3)])
            simulation.faults = 200
            for phase in 0..<6 {
                let index = Int.random(in: 0..<simulation.instances.count, using: &simulation.random)
                simulation.instances[index].demand = Double.random(in: 0...300, using: &simulation.random)
                if phase == 3 { simulation.add() }
                // One dies without a word.
                if phase == 4, count > 1 { simulation.instances.remove(at: index) }
                simulation.run(for: .seconds(2)) { simulation in
                    #expect(simulation.used <= simulation.total, "seed \(seed), at \(simulation.now)")
                    if simulation.used * 10 >= simulation.total * 9 { full += 1 }
                }
            }
            let burst = simulation.permits + count + 1
            let excess = excess(simulation.admitted, burst: burst, perSecond: simulation.permits)
            #expect(excess <= 0.001, "seed \(seed): \(excess) more than the bound")
        }
        // Most of the time nearly all of it is handed out: a limit of nothing would keep the bound too.
        #expect(full > 25 * 2_400 * 6 / 10, "\(full) of \(25 * 2_400) steps")
    }

    @Test func aStoreThatIsAwayForAllKeepsTheLimitAndThenEverybodyHasAnEvenPart() {
        for seed in 0..<15 as Range<UInt64> {
            var simulation = QuotaSimulation(seed: seed, instances: 4, permits: 100)
            simulation.run(for: .seconds(3))
            simulation.isStoreAway = true
            simulation.run(for: .seconds(10)) { simulation in
                #expect(simulation.used <= simulation.total, "seed \(seed), at \(simulation.now)")
            }
            for instance in simulation.instances {
                #expect(instance.shares.standing(at: simulation.now) == .alone)
                #expect(instance.shares.share(at: simulation.now) == simulation.total / 4)
            }
            simulation.isStoreAway = false
            // All are back within a second or so; meanwhile some have what is granted and some still an even part.
            simulation.run(for: .seconds(2)) { #expect($0.used <= 2 * $0.total) }
            simulation.run(for: .seconds(1)) { #expect($0.used <= $0.total, "seed \(seed)") }
            #expect(simulation.used * 10 >= simulation.total * 9)
        }
    }

    @Test func instancesThatAreCutOffAddAtMostAnEvenPartEach() {
        for seed in 0..<25 as Range<UInt64> {
            let count = 2 + Int(seed % 5)
            var simulation = QuotaSimulation(seed: seed, instances: count, permits: 100)
            simulation.faults = 100
            simulation.run(for: .seconds(3))
            let cutOff = 1 + Int(seed) % (count - 1)
            for index in 0..<cutOff { simulation.instances[index].isCutOff = true }
            let bound = simulation.total * (count + cutOff) / count
            simulation.run(for: .seconds(12)) { simulation in
                #expect(simulation.used <= bound, "seed \(seed), at \(simulation.now)")
            }
            for index in 0..<cutOff { simulation.instances[index].isCutOff = false }
            simulation.faults = 0
            simulation.run(for: .seconds(2)) { #expect($0.used <= 2 * $0.total, "seed \(seed)") }
            simulation.run(for: .seconds(2)) { #expect($0.used <= $0.total, "seed \(seed)") }
            #expect(simulation.used * 10 >= simulation.total * 9, "seed \(seed): \(simulation.used)")
        }
    }

    @Test func sharesFollowTheDemandWithinASecond() {
        for seed in 0..<10 as Range<UInt64> {
            var simulation = QuotaSimulation(seed: seed, instances: 3, permits: 100)
            simulation.instances[0].demand = 300
            for index in 1...2 { simulation.instances[index].demand = 10 }
            simulation.run(for: .seconds(4))
            #expect(simulation.instances[0].shares.share(at: simulation.now) > 70_000, "seed \(seed)")
            simulation.instances[0].demand = 0
            simulation.instances[2].demand = 300
            simulation.run(for: .seconds(2))
            #expect(simulation.instances[2].shares.share(at: simulation.now) > 70_000, "seed \(seed)")
        }
    }

    @Test func theSameSeedGivesTheSameCalls() {
        func calls(_ seed: UInt64) -> [MonotonicTime] {
            var simulation = QuotaSimulation(seed: seed, instances: 3, permits: 50)
            simulation.faults = 300
            simulation.run(for: .seconds(3))
            return simulation.admitted
        }
        #expect(calls(1) == calls(1))
        #expect(calls(1) != calls(2))
    }
}
