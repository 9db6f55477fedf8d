extension PersistentMap {
    /// What an insertion has put in, and what it replaced.
    struct Change {
        var value: Value?
        var replaced: Value?
    }

    /// A leaf (keys and their values) or an inner node (children, each with a key that none of its keys is less than).
    // Safe: whoever changes a node has made sure to hold the only reference to it (`makeUnique`).
    final class Node: @unchecked Sendable {
        var keys: [Key]
        /// Of a leaf; as many as keys.
        var values: [Value]
        /// Of an inner node; as many as keys.
        var children: [Node]
        /// Entries in this subtree.
        var count: Int

        var isLeaf: Bool { children.isEmpty && count == values.count }

        init() {
            keys = []
            values = []
            children = []
            count = 0
        }

        init(copying other: Node) {
            keys = other.keys
            values = other.values
            children = other.children
            count = other.count
        }

        init(children: [Node]) {
            keys = children.map { $0.keys[0] }
            values = []
            self.children = children
            count = children.reduce(0) { $0 + $1.count }
        }

        /// The first index whose key is not less than `key`.
        func lowerBound(of key: Key) -> Int {
            var low = 0
            var high = keys.count
            while low < high {
                let middle = (low + high) / 2
                if keys[middle] < key { low = middle + 1 } else { high = middle }
            }
            return low
        }

        /// The child that holds `key`, if any does.
        func childIndex(for key: Key) -> Int {
            var low = 1
            var high = keys.count
            while low < high {
                let middle = (low + high) / 2
                if key < keys[middle] { high = middle } else { low = middle + 1 }
            }
            return low - 1
        }

        func insertIntoLeaf(_ make: (Value?) -> Value, _ change: inout Change, for key: Key, isLast: Bool) -> Node? {
            let index = lowerBound(of: key)
            if index < keys.count, keys[index] == key {
                change.replaced = values[index]
                let value = make(values[index])
                change.value = value
                values[index] = value
                return nil
            }
            let value = make(nil)
            change.value = value
            if keys.isEmpty {
                keys.reserveCapacity(capacity + 1)
                values.reserveCapacity(capacity + 1)
            }
            keys.insert(key, at: index)
            values.insert(value, at: index)
            count += 1
            return splitIfNeeded(insertedAt: index, isLast: isLast)
        }

        /// Returns the new right sibling. An entry at the end of the whole tree goes there alone, so that keys in
        /// ascending order fill their nodes.
        func splitIfNeeded(insertedAt index: Int, isLast: Bool) -> Node? {
            guard keys.count > capacity else { return nil }
            return split(at: isLast && index == keys.count - 1 ? index : keys.count / 2)
        }

        func split(at index: Int) -> Node {
            let right = Node()
            right.keys.reserveCapacity(capacity + 1)
            right.keys.append(contentsOf: keys[index...])
            keys.removeSubrange(index...)
            if isLeaf {
                right.values.reserveCapacity(capacity + 1)
                right.values.append(contentsOf: values[index...])
                values.removeSubrange(index...)
                right.count = right.values.count
            } else {
                right.children.reserveCapacity(capacity + 1)
                right.children.append(contentsOf: children[index...])
                children.removeSubrange(index...)
                right.count = right.children.reduce(0) { $0 + $1.count }
            }
            count -= right.count
            return right
        }

        func append(contentsOf right: Node) {
            keys.append(contentsOf: right.keys)
            values.append(contentsOf: right.values)
            children.append(contentsOf: right.children)
            count += right.count
        }
    }
}
