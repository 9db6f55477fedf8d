extension PersistentMap {
    /// How many keys are less than `key`.
    func count(below key: Key) -> Int {
        var node = root
        var rank = 0
        while !node.isLeaf {
            let index = node.childIndex(for: key)
            for child in node.children[..<index] { rank += child.count }
            node = node.children[index]
        }
        return rank + node.lowerBound(of: key)
    }

    /// The last entry whose key is not greater than `key`.
    func last(atOrBelow key: Key) -> (key: Key, value: Value)? {
        var node = root
        var left: Node?
        while !node.isLeaf {
            let index = node.childIndex(for: key)
            if index > 0 { left = node.children[index - 1] }
            node = node.children[index]
        }
        var index = node.lowerBound(of: key)
        if index < node.keys.count, node.keys[index] == key { index += 1 }
        if index > 0 { return (node.keys[index - 1], node.values[index - 1]) }
        return left?.last
    }

    var first: (key: Key, value: Value)? {
        var cursor = cursor()
        return cursor.next()
    }

    /// Walks the entries from the first one.
    func cursor() -> Cursor {
        cursor(at: 0)
    }

    /// Walks the entries from the one that `offset` entries precede.
    func cursor(at offset: Int) -> Cursor {
        var rest = offset
        return Cursor(root) { node in
            guard !node.isLeaf else { return rest }
            for (index, child) in node.children.enumerated() where index < node.children.count - 1 {
                guard rest >= child.count else { return index }
                rest -= child.count
            }
            return node.children.count - 1
        }
    }

    /// Walks the entries whose keys are not less than `key`.
    func cursor(from key: Key) -> Cursor {
        Cursor(root) { $0.isLeaf ? $0.lowerBound(of: key) : $0.childIndex(for: key) }
    }

    /// A position in the map as it was when the cursor was made; later changes of the map do not show.
    struct Cursor {
        private var path: [(node: Node, index: Int)] = []
        private var leaf: Node
        private var index: Int

        /// `choose` says which child to descend to, and at last which entry of the leaf to stand on.
        fileprivate init(_ root: Node, choose: (Node) -> Int) {
            leaf = root
            index = choose(root)
            while !leaf.isLeaf {
                path.append((leaf, index))
                leaf = leaf.children[index]
                index = choose(leaf)
            }
        }

        mutating func next() -> (key: Key, value: Value)? {
            if index >= leaf.keys.count, !moveToNextLeaf() { return nil }
            defer { index += 1 }
            return (leaf.keys[index], leaf.values[index])
        }

        private mutating func moveToNextLeaf() -> Bool {
            while let (node, last) = path.popLast() {
                let child = last + 1
                guard child < node.children.count else { continue }
                path.append((node, child))
                leaf = node.children[child]
                while !leaf.isLeaf {
                    path.append((leaf, 0))
                    leaf = leaf.children[0]
                }
                index = 0
                return true
            }
            return false
        }
    }
}

extension PersistentMap.Node {
    fileprivate var last: (key: Key, value: Value)? {
        var node = self
        while !node.isLeaf, let child = node.children.last { node = child }
        guard let key = node.keys.last, let value = node.values.last else { return nil }
        return (key, value)
    }
}
