public import ApusPrimitives

/// Maps keys to nodes so that a node that comes or goes moves only the keys that are, or were, its own.
///
/// Consistent hashing (Karger et al., STOC 1997): every node owns many points of a circle of 64-bit hashes, and a key
/// belongs to the node of the next point clockwise. The same nodes give the same ring in every process, in whatever
/// order they were added. A copy is a snapshot.
public struct HashRing<Node: Hashable & Comparable & Sendable>: Sendable {
    @usableFromInline
    struct Point: Sendable {
        @usableFromInline let hash: UInt64
        /// Index into `nodes`.
        @usableFromInline let owner: Int

        @inlinable
        init(hash: UInt64, owner: Int) {
            self.hash = hash
            self.owner = owner
        }
    }

    /// In ascending order.
    public private(set) var nodes: [Node] = []
    private var weights: [Int] = []
    /// By hash, then by node.
    @usableFromInline private(set) var points: [Point] = []

    /// How many points a node has for each unit of weight. More spread the load better and cost memory and time to add:
    /// with 100, equal nodes get within about 10 % (one standard deviation) of the same share.
    public let pointsPerWeight: Int
    private let name: @Sendable (Node) -> Bytes

    /// - Parameter name: the bytes that place a node on the ring; different for different nodes, the same in every process.
    public init(pointsPerWeight: Int = 100, name: @escaping @Sendable (Node) -> Bytes) {
        self.pointsPerWeight = max(pointsPerWeight, 1)
        self.name = name
    }

    public var isEmpty: Bool { nodes.isEmpty }

    /// The weight of `node`; nil when it is not on the ring.
    public func weight(of node: Node) -> Int? {
        index(of: node).map { weights[$0] }
    }

    /// Adds `node`, or changes its weight; then only the keys of the points that come or go move.
    ///
    /// - Parameter weight: share of the keys relative to the other nodes; 0 or less removes the node.
    public mutating func add(_ node: Node, weight: Int = 1) {
        guard weight > 0 else { return remove(node) }
        if index(of: node) != nil { remove(node) }
        let owner = insertionIndex(of: node)
        nodes.insert(node, at: owner)
        weights.insert(weight, at: owner)

        let (wanted, overflow) = weight.multipliedReportingOverflow(by: pointsPerWeight)
        let count = overflow ? Self.maximumPoints : min(wanted, Self.maximumPoints)
        let identity = name(node).array
        let added = (0..<count)
            .map { Point(hash: XXHash64.hash(identity, seed: UInt64($0) + 1), owner: owner) }
            .sorted { $0.hash < $1.hash }
        let kept = points.map { Point(hash: $0.hash, owner: $0.owner >= owner ? $0.owner + 1 : $0.owner) }
        points = Self.merge(kept, added)
    }

    /// Does nothing when `node` is not on the ring.
    public mutating func remove(_ node: Node) {
        guard let owner = index(of: node) else { return }
        nodes.remove(at: owner)
        weights.remove(at: owner)
        points = points.compactMap { point in
            if point.owner == owner { return nil }
            return Point(hash: point.hash, owner: point.owner > owner ? point.owner - 1 : point.owner)
        }
    }

    /// The most points that one node gets, 1.6 MB of them, whatever weight somebody wrote into a registry.
    public static var maximumPoints: Int { 100_000 }

    private static func merge(_ left: [Point], _ right: [Point]) -> [Point] {
        var merged: [Point] = []
        merged.reserveCapacity(left.count + right.count)
        var (i, j) = (0, 0)
        while i < left.count, j < right.count {
            // Nodes are in order, so owners compare as nodes do.
            if (left[i].hash, left[i].owner) < (right[j].hash, right[j].owner) {
                merged.append(left[i])
                i += 1
            } else {
                merged.append(right[j])
                j += 1
            }
        }
        merged.append(contentsOf: left[i...])
        merged.append(contentsOf: right[j...])
        return merged
    }

    private func index(of node: Node) -> Int? {
        let index = insertionIndex(of: node)
        return index < nodes.count && nodes[index] == node ? index : nil
    }

    private func insertionIndex(of node: Node) -> Int {
        var (low, high) = (0, nodes.count)
        while low < high {
            let middle = (low + high) / 2
            if nodes[middle] < node { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension HashRing where Node: LosslessStringConvertible {
    /// A ring of nodes that are placed by their text, as `String` is.
    public init(pointsPerWeight: Int = 100) {
        self.init(pointsPerWeight: pointsPerWeight) { Bytes($0.description) }
    }
}
