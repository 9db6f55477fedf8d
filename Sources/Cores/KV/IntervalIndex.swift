import ApusPrimitives

/// Ranges of keys, each under an id; finds those that contain a key in O(log n) and what it finds.
///
/// An interval tree (Cormen et al., "Introduction to Algorithms", section 14.3: a search tree by start, each node with
/// the greatest end below it) kept balanced as a treap (Seidel and Aragon, "Randomized search trees", 1996). The
/// priorities come from the ids, so that equal histories give equal trees.
struct IntervalIndex: Sendable {
    private struct Node {
        let start: Bytes
        /// Without it; nil for no end.
        let end: Bytes?
        let id: Int64
        let priority: UInt64
        var left = none
        var right = none
        /// The greatest end in this subtree.
        var reach: Bytes?

        func precedes(_ start: Bytes, _ id: Int64) -> Bool {
            self.start < start || self.start == start && self.id < id
        }
    }

    private static let none = -1

    private var nodes: [Node] = []
    private var free: [Int] = []
    private var root = none

    var count: Int { nodes.count - free.count }

    mutating func insert(_ range: KeyRange, id: Int64) {
        var random = SeededRandom(seed: UInt64(bitPattern: id))
        let node = Node(start: range.start, end: range.limit, id: id, priority: random.next(), reach: range.limit)
        let index: Int
        if let reused = free.popLast() {
            index = reused
            nodes[index] = node
        } else {
            index = nodes.count
            nodes.append(node)
        }
        let (left, right) = split(root, at: range.start, id)
        root = merge(merge(left, index), right)
    }

    mutating func remove(_ range: KeyRange, id: Int64) {
        let (left, rest) = split(root, at: range.start, id)
        let (found, right) = split(rest, at: range.start, id + 1)
        if found != Self.none {
            nodes[found] = Node(start: .empty, end: .empty, id: 0, priority: 0)
            free.append(found)
        }
        root = merge(left, right)
    }

    /// Calls `body` with the id of each range that contains `key`, in the order of their starts.
    func forEach(containing key: Bytes, _ body: (Int64) -> Void) {
        visit(root, key, body)
    }

    private func visit(_ index: Int, _ key: Bytes, _ body: (Int64) -> Void) {
        guard index != Self.none, Self.isBelow(key, nodes[index].reach) else { return }
        visit(nodes[index].left, key, body)
        guard nodes[index].start <= key else { return }
        if Self.isBelow(key, nodes[index].end) { body(nodes[index].id) }
        visit(nodes[index].right, key, body)
    }

    private static func isBelow(_ key: Bytes, _ end: Bytes?) -> Bool {
        end.map { key < $0 } ?? true
    }

    /// What precedes the place of (`start`, `id`), and the rest.
    private mutating func split(_ index: Int, at start: Bytes, _ id: Int64) -> (Int, Int) {
        guard index != Self.none else { return (Self.none, Self.none) }
        if nodes[index].precedes(start, id) {
            let (left, right) = split(nodes[index].right, at: start, id)
            nodes[index].right = left
            updateReach(of: index)
            return (index, right)
        }
        let (left, right) = split(nodes[index].left, at: start, id)
        nodes[index].left = right
        updateReach(of: index)
        return (left, index)
    }

    private mutating func merge(_ left: Int, _ right: Int) -> Int {
        if left == Self.none { return right }
        if right == Self.none { return left }
        if nodes[left].priority > nodes[right].priority {
            nodes[left].right = merge(nodes[left].right, right)
            updateReach(of: left)
            return left
        }
        nodes[right].left = merge(left, nodes[right].left)
        updateReach(of: right)
        return right
    }

    private mutating func updateReach(of index: Int) {
        var reach = nodes[index].end
        for child in [nodes[index].left, nodes[index].right] where child != Self.none {
            guard let current = reach, let other = nodes[child].reach else {
                reach = nil
                break
            }
            reach = max(current, other)
        }
        nodes[index].reach = reach
    }
}

extension KeyRange {
    /// The first key after the range; nil when it has no end.
    var limit: Bytes? {
        switch end {
        case .single: start + Self.first
        case .before(let key): key
        case .unbounded: nil
        }
    }
}
