import ApusPlacement

/// A hash ring that looks at every point of every node for every question.
struct NaiveRing {
    var weights: [String: Int] = [:]
    let pointsPerWeight: Int
    /// Nodes of one text share all their points.
    let text: @Sendable (String) -> String

    /// All nodes in the order in which the key's way round the circle meets them.
    func order(for key: String) -> [String] {
        let start = XXHash64.hash(Array(key.utf8))
        var points: [(distance: UInt64, node: String)] = []
        for (node, weight) in weights {
            for point in 0..<weight * pointsPerWeight {
                let hash = XXHash64.hash(Array(text(node).utf8), seed: UInt64(point) + 1)
                points.append((hash &- start, node))
            }
        }
        var order: [String] = []
        for point in points.sorted(by: { ($0.distance, $0.node) < ($1.distance, $1.node) })
        where !order.contains(point.node) {
            order.append(point.node)
        }
        return order
    }
}
