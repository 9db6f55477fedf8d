import ApusPlacement
import ApusPrimitives
import Testing

@Suite struct PowerOfTwoChoicesTests {
    private func picks(_ count: Int, _ candidates: [Candidate<Int>], seed: UInt64 = 1) -> [Int?] {
        var random = SeededRandom(seed: seed)
        var balancer = PowerOfTwoChoices<Int>()
        return (0..<count).map { _ in balancer.pick(from: candidates, using: &random) }
    }

    /// The largest load when `calls` calls that never end are spread over as many endpoints.
    private func fullest(_ calls: Int, pick: ([Candidate<Int>]) -> Int?) -> Int {
        var candidates = (0..<calls).map { Candidate(id: $0) }
        for _ in 0..<calls {
            if let index = pick(candidates) { candidates[index].inFlight += 1 }
        }
        return candidates.map(\.inFlight).max() ?? 0
    }

    @Test func ofTwoTheLessLoadedIsAlwaysPicked() {
        let list = [Candidate(id: 0, inFlight: 3), Candidate(id: 1, inFlight: 2)]
        #expect(picks(100, list).allSatisfy { $0 == 1 })
    }

    @Test func loadIsInFlightByWeight() {
        // (7 + 1) / 4 = 2 against (2 + 1) / 1 = 3.
        let list = [Candidate(id: 0, weight: 4, inFlight: 7), Candidate(id: 1, weight: 1, inFlight: 2)]
        #expect(picks(100, list).allSatisfy { $0 == 0 })
    }

    @Test func theMostLoadedOfManyIsNeverPicked() {
        let list = (0..<10).map { Candidate(id: $0, inFlight: $0) }
        #expect(!picks(2_000, list).contains(9))
        #expect(Set(picks(2_000, list)).count == 9)
    }

    @Test func equalsArePickedEqually() {
        let picks = picks(10_000, (0..<5).map { Candidate(id: $0) })
        // A standard deviation of 40 around 2,000.
        #expect((0..<5).allSatisfy { id in abs(picks.count { $0 == id } - 2_000) < 160 })
    }

    @Test func aWeightOfZeroTakesNothing() {
        let list = [0, 1, 0, 1, 1, -2].enumerated().map { Candidate(id: $0, weight: $1) }
        let picks = picks(3_000, list)
        #expect(Set(picks) == [1, 3, 4])
        #expect([1, 3, 4].allSatisfy { id in abs(picks.count { $0 == id } - 1_000) < 110 })
    }

    @Test func oneIsPickedAndNoneIsNot() {
        #expect(picks(1, [Candidate(id: 0, inFlight: 99)]) == [0])
        #expect(picks(1, [Candidate(id: 0, weight: 0), Candidate(id: 1)]) == [1])
        #expect(picks(1, []) == [nil])
        #expect(picks(1, [Candidate(id: 0, weight: 0)]) == [nil])
    }

    @Test func extremeNumbersDoNotOverflow() {
        let list = [Candidate(id: 0, weight: .max, inFlight: .max), Candidate(id: 1, weight: 1, inFlight: .max)]
        #expect(picks(10, list).allSatisfy { $0 == 0 })
    }

    @Test(arguments: 0..<5) func twoChoicesAreFarBetterThanOne(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var balancer = PowerOfTwoChoices<Int>()
        let two = fullest(2_000) { balancer.pick(from: $0, using: &random) }
        let one = fullest(2_000) { $0.indices.randomElement(using: &random) }
        // ln ln n / ln 2 against ln n / ln ln n: about 3 against 6.
        #expect(two <= 4)
        #expect(one >= 5)
    }

    @Test func weightsShareTheLoadInTheLongRun() {
        var random = SeededRandom(seed: 6)
        var balancer = PowerOfTwoChoices<Int>()
        var list = [1, 2, 5].enumerated().map { Candidate(id: $0, weight: $1) }
        for _ in 0..<8_000 {
            if let index = balancer.pick(from: list, using: &random) { list[index].inFlight += 1 }
        }
        for candidate in list { #expect(abs(candidate.inFlight - candidate.weight * 1_000) < 60) }
    }

    @Test func anyBalancerCanBeChosenAtRunTime() {
        var random = SeededRandom(seed: 2)
        let balancers: [any LoadBalancer<Int>] = [
            RoundRobin<Int>(), WeightedRoundRobin<Int>(), PowerOfTwoChoices<Int>(),
        ]
        for var balancer in balancers {
            #expect(balancer.pick(from: [Candidate(id: 7)], using: &random) == 0)
        }
    }
}
