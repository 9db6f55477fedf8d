import ApusPlacement
import ApusPrimitives
import Testing

@Suite struct WeightedRoundRobinTests {
    private var random = SeededRandom(seed: 1)

    private func candidates(_ weights: KeyValuePairs<String, Int>) -> [Candidate<String>] {
        weights.map { Candidate(id: $0.key, weight: $0.value) }
    }

    private func picks(_ count: Int, _ candidates: [Candidate<String>]) -> [String?] {
        var random = random
        var balancer = WeightedRoundRobin<String>()
        return (0..<count).map { _ in balancer.pick(from: candidates, using: &random).map { candidates[$0].id } }
    }

    @Test func theMixIsThatOfNginx() {
        // The example of nginx's commit message: { 5, 1, 1 } gives a a b a c a a.
        #expect(picks(7, candidates(["a": 5, "b": 1, "c": 1])) == ["a", "a", "b", "a", "c", "a", "a"])
    }

    @Test func everyPeriodIsExact() {
        var random = SeededRandom(seed: 4)
        for _ in 0..<100 {
            let list = (0..<Int.random(in: 1...6, using: &random)).map {
                Candidate(id: "\($0)", weight: Int.random(in: 0...9, using: &random))
            }
            let total = list.reduce(0) { $0 + $1.weight }
            let picks = picks(3 * total, list)
            for candidate in list {
                #expect(picks.count { $0 == candidate.id } == 3 * candidate.weight)
            }
        }
    }

    @Test func withoutACandidateThereIsNoPick() {
        #expect(picks(1, []) == [nil])
        #expect(picks(1, candidates(["a": 0, "b": -1])) == [nil])
    }

    @Test func aListInAnotherOrderDoesNotDisturbTheMix() {
        var random = random
        var balancer = WeightedRoundRobin<String>()
        let list = candidates(["a": 6, "b": 3, "c": 1])
        var counts: [String: Int] = [:]
        for step in 0..<100 {
            let shown = step % 2 == 0 ? list : list.reversed()
            if let pick = balancer.pick(from: shown, using: &random) { counts[shown[pick].id, default: 0] += 1 }
        }
        #expect(counts == ["a": 60, "b": 30, "c": 10])
    }

    @Test func endpointsThatHaveGoneAreForgotten() {
        var random = random
        var balancer = WeightedRoundRobin<String>()
        for generation in 0..<1_000 {
            _ = balancer.pick(from: [Candidate(id: "\(generation)"), Candidate(id: "stays")], using: &random)
            #expect(Mirror(reflecting: balancer).children.first.flatMap { $0.value as? [String: Int] }?.count == 2)
        }
    }

    @Test func hugeWeightsDoNotOverflow() {
        let picks = picks(1_000, candidates(["a": .max, "b": .max, "c": 1_000_000]))
        #expect(["a", "b", "c"].allSatisfy { id in (333...334).contains(picks.count { $0 == id }) })
    }
}
