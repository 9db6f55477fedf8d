public import ApusPrimitives

extension HashRing {
    /// The node that `key` belongs to; nil when the ring is empty. Takes O(log points).
    @inlinable
    public func node(for key: Bytes) -> Node? {
        points.isEmpty ? nil : nodes[points[firstPoint(for: key)].owner]
    }

    /// The `count` different nodes that keep copies of `key`, the owner first; all nodes when there are fewer.
    ///
    /// Without its first node a ring gives the same list without it: the second takes over.
    @inlinable
    public func nodes(for key: Bytes, count: Int) -> [Node] {
        let wanted = min(count, nodes.count)
        guard wanted > 0 else { return [] }
        var found: [Node] = []
        found.reserveCapacity(wanted)
        var seen = [Bool](repeating: false, count: nodes.count)
        var position = firstPoint(for: key)
        while found.count < wanted {
            let owner = points[position].owner
            if !seen[owner] {
                seen[owner] = true
                found.append(nodes[owner])
            }
            position = position + 1 == points.count ? 0 : position + 1
        }
        return found
    }

    /// The first point at or after the hash of `key`; past the last one the circle begins again.
    @inlinable
    func firstPoint(for key: Bytes) -> Int {
        let hash = XXHash64.hash(key.array)
        var (low, high) = (0, points.count)
        while low < high {
            let middle = (low + high) / 2
            if points[middle].hash < hash { low = middle + 1 } else { high = middle }
        }
        return low == points.count ? 0 : low
    }
}
