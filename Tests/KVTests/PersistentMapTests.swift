import ApusPrimitives
import Testing

@testable import ApusKV

/// A key that counts how often it is compared: work that no slow machine can blur.
private struct CountedKey: Comparable, Sendable {
    let value: Int
    let comparisons: Locked<Int>

    static func < (left: Self, right: Self) -> Bool {
        left.comparisons.withLock { $0 += 1 }
        return left.value < right.value
    }

    static func == (left: Self, right: Self) -> Bool { left.value == right.value }
}

extension PersistentMap {
    var depth: Int {
        var node = root
        var depth = 1
        while !node.isLeaf {
            node = node.children[0]
            depth += 1
        }
        return depth
    }

    var nodeCount: Int {
        func count(_ node: Node) -> Int { node.children.reduce(1) { $0 + count($1) } }
        return count(root)
    }

    var entries: [(key: Key, value: Value)] {
        var entries: [(key: Key, value: Value)] = []
        var cursor = cursor()
        while let entry = cursor.next() { entries.append(entry) }
        return entries
    }

    /// What is wrong with the tree; nil if nothing is.
    var defect: String? {
        func check(_ node: Node, from low: Key?, below high: Key?, onEdge: Bool) -> String? {
            if node.keys.count > Self.capacity { return "a node holds too much" }
            if node !== root, node.keys.isEmpty { return "a node is empty" }
            if !onEdge, node.keys.count < Self.minimum { return "a node holds too little" }
            if zip(node.keys, node.keys.dropFirst()).contains(where: { $0 >= $1 }) { return "keys are out of order" }
            if let low, let first = node.keys.first, first < low { return "a key is left of its node" }
            if let high, let last = node.keys.last, last >= high { return "a key is right of its node" }
            guard !node.isLeaf else { return node.values.count == node.keys.count ? nil : "a value is missing" }
            if node.count != node.children.reduce(0, { $0 + $1.count }) { return "a count is wrong" }
            for (index, child) in node.children.enumerated() {
                let isLast = index == node.children.count - 1
                let defect = check(
                    child, from: node.keys[index], below: isLast ? high : node.keys[index + 1],
                    onEdge: onEdge && (index == 0 || isLast))
                if let defect { return defect }
            }
            return nil
        }
        return check(root, from: nil, below: nil, onEdge: true)
    }
}

@Suite struct PersistentMapTests {
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func agreesWithASortedArray(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var map = PersistentMap<Int, Int>()
        var model: [Int: Int] = [:]
        var snapshots: [(PersistentMap<Int, Int>, [Int: Int])] = []
        for step in 0..<8_000 {
            // Grow, then shrink, then grow: splits and merges.
            let grows = step / 2_000 % 2 == 0
            let key = Int.random(in: 0..<3_000, using: &random)
            if Int.random(in: 0..<10, using: &random) < (grows ? 8 : 2) {
                #expect(map.insert(step, for: key) == model.updateValue(step, forKey: key))
            } else {
                #expect(map.remove(key) == model.removeValue(forKey: key))
            }
            if step % 997 == 0 { snapshots.append((map, model)) }
            if step % 1_499 == 1_498 {
                map.removeAll(below: key)
                model = model.filter { $0.key >= key }
            }
            if step % 250 == 0 { check(map, model, &random) }
        }
        for (map, model) in snapshots { check(map, model, &random) }
    }

    private func check(_ map: PersistentMap<Int, Int>, _ model: [Int: Int], _ random: inout SeededRandom) {
        let sorted = model.sorted { $0.key < $1.key }
        #expect(map.defect == nil)
        #expect(map.count == sorted.count)
        #expect(map.entries.map(\.key) == sorted.map(\.key) && map.entries.map(\.value) == sorted.map(\.value))
        let key = Int.random(in: -1...3_001, using: &random)
        let below = sorted.filter { $0.key < key }
        #expect(map[key] == model[key])
        #expect(map.count(below: key) == below.count)
        #expect(map.last(atOrBelow: key)?.key == sorted.last { $0.key <= key }?.key)
        var from = map.cursor(from: key)
        #expect(from.next()?.key == sorted.first { $0.key >= key }?.key)
        var offset = map.cursor(at: below.count)
        #expect(offset.next()?.key == sorted.dropFirst(below.count).first?.key)
    }

    @Test func ascendingKeysFillTheirNodes() {
        var map = PersistentMap<Int, Int>()
        for key in 0..<32 * 32 * 32 { map.insert(key, for: key) }
        #expect(map.depth == 3)
        #expect(map.nodeCount == 1 + 32 + 32 * 32)
    }

    @Test func everyOperationIsLogarithmic() {
        let comparisons = Locked(0)
        func key(_ value: Int) -> CountedKey { CountedKey(value: value, comparisons: comparisons) }
        var random = SeededRandom(seed: 1)
        var map = PersistentMap<CountedKey, Int>()
        let size = 1 << 15
        for value in (0..<size).shuffled(using: &random) { map.insert(value, for: key(value * 2)) }
        #expect(map.depth <= 5)
        // Binary search down the tree: 15 comparisons, and one or two more in each of its nodes.
        let bound = 15 + 2 * map.depth + 2
        func cost(_ body: () -> Void) -> Int {
            comparisons.withLock { $0 = 0 }
            body()
            return comparisons.withLock { $0 }
        }
        for value in stride(from: 1, to: size * 2, by: 4_099) {
            #expect(cost { _ = map[key(value)] } <= bound)
            #expect(cost { _ = map.count(below: key(value)) } <= bound)
            #expect(cost { _ = map.last(atOrBelow: key(value)) } <= bound)
            #expect(cost { _ = map.cursor(from: key(value)) } <= bound)
            #expect(cost { map.insert(0, for: key(value)) } <= bound)
            #expect(cost { map.remove(key(value)) } <= bound)
        }
        #expect(cost { map.removeAll(below: key(size)) } <= bound)
    }

    @Test func aChangeAfterACopyTouchesOnePathOnly() {
        var map = PersistentMap<Int, Int>()
        for key in 0..<10_000 { map.insert(key, for: key) }
        func nodes(_ map: PersistentMap<Int, Int>) -> Set<ObjectIdentifier> {
            var all: Set<ObjectIdentifier> = []
            func visit(_ node: PersistentMap<Int, Int>.Node) {
                all.insert(ObjectIdentifier(node))
                node.children.forEach(visit)
            }
            visit(map.root)
            return all
        }
        let copy = map
        map.insert(-1, for: 5_000)
        #expect(nodes(map).subtracting(nodes(copy)).count == map.depth)
        #expect(copy[5_000] == 5_000)
        let before = nodes(map)
        map.insert(-2, for: 5_000)
        #expect(nodes(map) == before, "with nobody else looking, nodes change in place")
    }
}
