import ApusPlacement
import ApusPrimitives
import Testing

@Suite struct HashRingTests {
    private let keys = (0..<10_000).map { Bytes("key-\($0)") }

    private func ring(_ nodes: [String]) -> HashRing<String> {
        var ring = HashRing<String>()
        for node in nodes { ring.add(node) }
        return ring
    }

    private func names(_ count: Int) -> [String] {
        (0..<count).map { "node-\($0)" }
    }

    @Test func anEmptyRingHasNoNode() {
        let ring = ring([])
        #expect(ring.isEmpty)
        #expect(ring.node(for: "a") == nil)
        #expect(ring.nodes(for: "a", count: 3) == [])
    }

    @Test func oneNodeHasAllKeys() {
        let ring = ring(["a"])
        #expect(keys.allSatisfy { ring.node(for: $0) == "a" })
    }

    @Test(arguments: [2, 5, 20]) func removingANodeMovesItsKeysOnly(count: Int) {
        let before = ring(names(count))
        var after = before
        after.remove("node-1")
        let misplaced = keys.filter { key in
            let owner = before.node(for: key)
            let heir = owner == "node-1" ? before.nodes(for: key, count: 2).last : owner
            return after.node(for: key) != heir
        }
        #expect(misplaced.isEmpty)
    }

    @Test(arguments: [1, 4, 9, 19]) func addingANodeMovesItsShareAndToItOnly(count: Int) {
        let before = ring(names(count))
        var after = before
        after.add("new")
        let moved = keys.filter { before.node(for: $0) != after.node(for: $0) }
        #expect(moved.allSatisfy { after.node(for: $0) == "new" })
        let fair = Double(keys.count) / Double(count + 1)
        // A hundred points a node: a standard deviation of about 10 %; three of them, and the seed is fixed.
        #expect(abs(Double(moved.count) / fair - 1) < 0.3, "\(moved.count) of \(fair)")
    }

    @Test func loadIsSpreadWithinTenPercentStandardDeviation() {
        let ring = ring(names(50))
        var load: [String: Int] = [:]
        for key in keys { load[ring.node(for: key)!, default: 0] += 1 }
        let mean = Double(keys.count) / 50
        let variance = load.values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 50
        // Of the keys themselves comes another 7 %: sqrt(10² + 7²) ≈ 12.
        #expect(variance.squareRoot() / mean < 0.14)
    }

    @Test func aNodeOwnsKeysByItsWeight() {
        var ring = HashRing<String>()
        ring.add("small", weight: 1)
        ring.add("big", weight: 4)
        let share = Double(keys.count { ring.node(for: $0) == "big" }) / Double(keys.count)
        #expect(abs(share - 0.8) < 0.05)
        #expect(ring.weight(of: "big") == 4)
        #expect(ring.weight(of: "none") == nil)
    }

    @Test func changingAWeightMovesKeysOfThatNodeOnly() {
        let before = ring(names(5))
        var heavier = before
        heavier.add("node-2", weight: 3)
        let moved = keys.filter { before.node(for: $0) != heavier.node(for: $0) }
        #expect(!moved.isEmpty)
        #expect(moved.allSatisfy { heavier.node(for: $0) == "node-2" })
        heavier.add("node-2", weight: 1)
        #expect(keys.allSatisfy { before.node(for: $0) == heavier.node(for: $0) })
        #expect(heavier.nodes == before.nodes)
    }

    @Test func aWeightOfZeroRemoves() {
        var ring = ring(["a", "b"])
        ring.add("b", weight: 0)
        #expect(ring.nodes == ["a"])
        ring.remove("b")
        #expect(ring.nodes == ["a"])
    }

    @Test func anAbsurdWeightIsBounded() {
        var ring = HashRing<String>()
        ring.add("absurd", weight: .max)
        ring.add("bounded", weight: 1_000)
        let share = Double(keys.count { ring.node(for: $0) == "absurd" }) / Double(keys.count)
        #expect(abs(share - 0.5) < 0.03)
    }

    @Test func theOrderOfAddingDoesNotMatter() {
        let ring = ring(names(10))
        let reversed = self.ring(names(10).reversed())
        #expect(keys.allSatisfy { ring.nodes(for: $0, count: 10) == reversed.nodes(for: $0, count: 10) })
    }

    /// Values of one process, written down: every other process must find the same.
    @Test func everyProcessFindsTheSameNodes() {
        let ring = ring(["a", "b", "c", "d"])
        let found = ["", "cart", "order-1", "user/7", "é"].map { ring.nodes(for: Bytes($0), count: 4).joined() }
        #expect(found == ["dabc", "cadb", "cbda", "bdac", "dacb"])
    }

    @Test func replicasAreDistinctAndBeginWithTheOwner() {
        let ring = ring(names(7))
        for key in keys.prefix(2_000) {
            let replicas = ring.nodes(for: key, count: 3)
            #expect(replicas.count == 3)
            #expect(Set(replicas).count == 3)
            #expect(replicas.first == ring.node(for: key))
        }
    }

    @Test func thereAreAtMostAsManyReplicasAsNodes() {
        let ring = ring(["a", "b"])
        #expect(ring.nodes(for: "key", count: 5).sorted() == ["a", "b"])
        #expect(ring.nodes(for: "key", count: 0) == [])
        #expect(ring.nodes(for: "key", count: -1) == [])
    }

    @Test func withoutItsFirstReplicaTheOthersStay() {
        let before = ring(names(7))
        for key in keys.prefix(500) {
            let replicas = before.nodes(for: key, count: 7)
            var after = before
            after.remove(replicas[0])
            #expect(after.nodes(for: key, count: 6) == Array(replicas.dropFirst()))
        }
    }

    @Test func aCopyIsASnapshot() {
        let before = ring(["a", "b"])
        var after = before
        after.remove("a")
        #expect(before.nodes == ["a", "b"])
        #expect(keys.contains { before.node(for: $0) == "a" })
    }

    @Test func otherNodesThanTextsHaveTheirNameFromACaller() {
        var byText = HashRing<Int>()
        var byName = HashRing<Int> { Bytes("\($0)") }
        for node in 0..<5 {
            byText.add(node)
            byName.add(node)
        }
        #expect(keys.allSatisfy { byText.node(for: $0) == byName.node(for: $0) })
    }

    @Test func aRingThatChangesAtRandomAgreesWithTheNaiveOne() {
        var random = SeededRandom(seed: 99)
        for round in 0..<16 {
            // In every other round the nodes collide in pairs, point for point.
            let collide = round % 2 == 1
            let text: @Sendable (String) -> String = { collide ? String($0.dropLast()) : $0 }
            let pointsPerWeight = Int.random(in: 1...4, using: &random)
            var ring = HashRing<String>(pointsPerWeight: pointsPerWeight) { Bytes(text($0)) }
            var naive = NaiveRing(pointsPerWeight: pointsPerWeight, text: text)
            for step in 0..<40 {
                let node = "node-\(Int.random(in: 0..<6, using: &random))\(Bool.random(using: &random) ? "a" : "b")"
                let weight = Int.random(in: 0...3, using: &random)
                ring.add(node, weight: weight)
                naive.weights[node] = weight == 0 ? nil : weight
                #expect(ring.nodes == naive.weights.keys.sorted())
                for _ in 0..<6 {
                    let key = "\(Int.random(in: 0..<1_000, using: &random))"
                    let order = naive.order(for: key)
                    #expect(ring.node(for: Bytes(key)) == order.first)
                    let count = Int.random(in: 0...14, using: &random)
                    #expect(
                        ring.nodes(for: Bytes(key), count: count) == Array(order.prefix(count)),
                        "round \(round), step \(step)")
                }
            }
        }
    }
}
