/// The less loaded of two random endpoints: nearly as even as asking all, and no herd on the one that looks idle.
///
/// M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (IEEE TPDS, 2001). Load is
/// `(inFlight + 1) / weight`; of two equally loaded the first drawn is taken.
public struct PowerOfTwoChoices<ID: Hashable & Sendable>: LoadBalancer {
    @inlinable
    public init() {}

    @inlinable
    public mutating func pick(
        from candidates: [Candidate<ID>], using random: inout some RandomNumberGenerator
    ) -> Int? {
        let usable = candidates.reduce(0) { $0 + ($1.weight > 0 ? 1 : 0) }
        guard usable > 1 else { return candidates.firstIndex { $0.weight > 0 } }
        let first = Int.random(in: 0..<usable, using: &random)
        var second = Int.random(in: 0..<usable - 1, using: &random)
        if second >= first { second += 1 }
        let a = Self.index(ofUsable: first, in: candidates, all: usable == candidates.count)
        let b = Self.index(ofUsable: second, in: candidates, all: usable == candidates.count)
        return Self.load(of: candidates[b]) < Self.load(of: candidates[a]) ? b : a
    }

    @inlinable
    static func load(of candidate: Candidate<ID>) -> Double {
        (Double(candidate.inFlight) + 1) / Double(candidate.weight)
    }

    @inlinable
    static func index(ofUsable number: Int, in candidates: [Candidate<ID>], all: Bool) -> Int {
        if all { return number }
        var left = number
        for (index, candidate) in candidates.enumerated() where candidate.weight > 0 {
            if left == 0 { return index }
            left -= 1
        }
        return number
    }
}
