/// A sorted map whose copy is O(1) and shares structure with the original: a B+-tree with subtree counts.
///
/// The tree of Bayer and McCreight ("Organization and maintenance of large ordered indices", 1972), with all values in
/// the leaves; made persistent by path copying (Driscoll, Sarnak, Sleator, Tarjan, 1989), but only of nodes that a
/// copy still shares: a node that this map alone refers to is changed in place. Every operation is O(log n).
struct PersistentMap<Key: Comparable & Sendable, Value: Sendable>: Sendable {
    /// Entries a node holds at most; a node off the edges of the tree holds at least a third of it.
    static var capacity: Int { 32 }
    static var minimum: Int { capacity / 3 }

    private(set) var root = Node()

    var count: Int { root.count }
    var isEmpty: Bool { root.count == 0 }

    subscript(key: Key) -> Value? {
        var node = root
        while !node.isLeaf { node = node.children[node.childIndex(for: key)] }
        let index = node.lowerBound(of: key)
        return index < node.keys.count && node.keys[index] == key ? node.values[index] : nil
    }

    /// Returns the value that was there before.
    @discardableResult
    mutating func insert(_ value: Value, for key: Key) -> Value? {
        update(key) { _ in value }.replaced
    }

    /// Puts what `make` makes of the value that is there, if one is; one way down the tree for both.
    mutating func update(_ key: Key, _ make: (Value?) -> Value) -> (value: Value, replaced: Value?) {
        var change = Change()
        if let sibling = Self.insert(make, &change, for: key, into: &root, isLast: true) {
            root = Node(children: [root, sibling])
        }
        guard let value = change.value else { preconditionFailure("every way down ends in a leaf") }
        return (value, change.replaced)
    }

    /// Returns the value that was there.
    @discardableResult
    mutating func remove(_ key: Key) -> Value? {
        let removed = Self.remove(key, from: &root)
        collapseRoot()
        return removed
    }

    /// Removes every key less than `key`: whole subtrees at a time.
    mutating func removeAll(below key: Key) {
        Self.removeAll(below: key, from: &root)
        collapseRoot()
    }

    private mutating func collapseRoot() {
        while !root.isLeaf && root.children.count == 1 { root = root.children[0] }
        if !root.isLeaf && root.children.isEmpty { root = Node() }
    }
}

extension PersistentMap {
    private static func makeUnique(_ node: inout Node) {
        if !isKnownUniquelyReferenced(&node) { node = Node(copying: node) }
    }

    /// Returns the new right sibling of `node` when it had to be split. `isLast`: no node is to the right of it.
    private static func insert(
        _ make: (Value?) -> Value, _ change: inout Change, for key: Key, into node: inout Node, isLast: Bool
    ) -> Node? {
        makeUnique(&node)
        if node.isLeaf { return node.insertIntoLeaf(make, &change, for: key, isLast: isLast) }
        let index = node.childIndex(for: key)
        if index == 0, key < node.keys[0] { node.keys[0] = key }
        let isLast = isLast && index == node.children.count - 1
        let sibling = insert(make, &change, for: key, into: &node.children[index], isLast: isLast)
        if change.replaced == nil { node.count += 1 }
        guard let sibling else { return nil }
        node.keys.insert(sibling.keys[0], at: index + 1)
        node.children.insert(sibling, at: index + 1)
        return node.splitIfNeeded(insertedAt: index + 1, isLast: isLast)
    }

    private static func remove(_ key: Key, from node: inout Node) -> Value? {
        makeUnique(&node)
        if node.isLeaf {
            let index = node.lowerBound(of: key)
            guard index < node.keys.count, node.keys[index] == key else { return nil }
            node.keys.remove(at: index)
            node.count -= 1
            return node.values.remove(at: index)
        }
        let index = node.childIndex(for: key)
        guard let removed = remove(key, from: &node.children[index]) else { return nil }
        node.count -= 1
        repair(node, child: index)
        return removed
    }

    private static func removeAll(below key: Key, from node: inout Node) {
        makeUnique(&node)
        if node.isLeaf {
            let index = node.lowerBound(of: key)
            node.keys.removeSubrange(..<index)
            node.values.removeSubrange(..<index)
            node.count -= index
            return
        }
        let index = node.childIndex(for: key)
        for child in node.children[..<index] { node.count -= child.count }
        node.keys.removeSubrange(..<index)
        node.children.removeSubrange(..<index)
        let before = node.children[0].count
        removeAll(below: key, from: &node.children[0])
        node.count += node.children[0].count - before
        repair(node, child: 0)
    }

    /// Drops an empty child, and merges one that has become too small with a neighbour or shares out evenly.
    private static func repair(_ node: Node, child index: Int) {
        let size = node.children[index].keys.count
        if size == 0 {
            node.keys.remove(at: index)
            node.children.remove(at: index)
        } else if size < minimum, node.children.count > 1 {
            let left = max(0, index - 1)
            let right = node.children.remove(at: left + 1)
            node.keys.remove(at: left + 1)
            makeUnique(&node.children[left])
            let merged = node.children[left]
            merged.append(contentsOf: right)
            guard merged.keys.count > capacity else { return }
            let half = merged.split(at: merged.keys.count / 2)
            node.keys.insert(half.keys[0], at: left + 1)
            node.children.insert(half, at: left + 1)
        }
    }
}
