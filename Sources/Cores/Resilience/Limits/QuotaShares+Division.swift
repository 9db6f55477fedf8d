extension QuotaShares {
    /// Divides `total` fairly: nobody gets more than it asks for before everybody has as much (max-min fairness; Bertsekas
    /// and Gallager, "Data Networks", 1992, section 6.5.2). What nobody asks for is divided evenly on top.
    ///
    /// - Parameters:
    ///   - total: in any unit; not negative.
    ///   - demands: in the same unit; not negative.
    /// - Returns: one part for each demand; their sum is `total`, if there is anybody.
    static func divide(_ total: Int, among demands: [Int]) -> [Int] {
        guard !demands.isEmpty else { return [] }
        var parts = [Int](repeating: 0, count: demands.count)
        var rest = total
        // The smallest demand first: if it is less than an even part of the rest, it is met and the others have more.
        let order = demands.indices.sorted { (demands[$0], $0) < (demands[$1], $1) }
        for (place, index) in order.enumerated() {
            let part = min(demands[index], rest / (order.count - place))
            parts[index] = part
            rest -= part
        }
        let (each, odd) = rest.quotientAndRemainder(dividingBy: parts.count)
        for index in parts.indices { parts[index] += each + (index < odd ? 1 : 0) }
        return parts
    }
}
