import ApusPlacement
import ApusPrimitives
import Testing

@Suite struct RoundRobinTests {
    private func candidates(_ weights: [Int]) -> [Candidate<Int>] {
        weights.indices.map { Candidate(id: $0, weight: weights[$0]) }
    }

    private func picks(_ count: Int, _ weights: [Int], seed: UInt64 = 1) -> [Int?] {
        var random = SeededRandom(seed: seed)
        var balancer = RoundRobin<Int>()
        return (0..<count).map { _ in balancer.pick(from: candidates(weights), using: &random) }
    }

    @Test func eachIsPickedInTurn() throws {
        let picks = picks(12, [1, 1, 1, 1]).compactMap { $0 }
        #expect(picks.count == 12)
        #expect(zip(picks, picks.dropFirst()).allSatisfy { $1 == ($0 + 1) % 4 })
    }

    @Test func weightsDoNotMatter() {
        let picks = picks(300, [1, 50, 7])
        #expect((0..<3).allSatisfy { id in picks.count { $0 == id } == 100 })
    }

    @Test func aWeightOfZeroIsSkippedAndItsTurnIsNotGivenToOneNeighbour() {
        let picks = picks(300, [1, 0, 1, -3, 1])
        #expect([0, 2, 4].allSatisfy { id in picks.count { $0 == id } == 100 })
    }

    @Test func withoutACandidateThereIsNoPick() {
        #expect(picks(1, []) == [nil])
        #expect(picks(1, [0, 0]) == [nil])
    }

    @Test func clientsBeginAtDifferentPlaces() {
        #expect(Set((0..<50).map { picks(1, [1, 1, 1, 1], seed: $0) }).count == 4)
    }

    @Test func aListThatShrinksOrGrowsGoesOn() {
        var random = SeededRandom(seed: 3)
        var balancer = RoundRobin<Int>()
        for _ in 0..<1_000 {
            let count = Int.random(in: 1...9, using: &random)
            let pick = balancer.pick(from: candidates(Array(repeating: 1, count: count)), using: &random)
            #expect(pick.map { (0..<count).contains($0) } == true)
        }
    }
}
