/// Each endpoint as often as its weight says, well mixed: weights 5, 1, 1 give a a b a c a a, not a a a a a b c.
///
/// nginx's smooth weighted round robin (`ngx_http_upstream_round_robin.c`, commit 52327e0627f4): each pick adds every
/// weight to its endpoint's credit, takes the largest credit, and subtracts the sum of the weights from it.
public struct WeightedRoundRobin<ID: Hashable & Sendable>: LoadBalancer {
    /// Weights above this count as this, so that credits cannot overflow.
    @inlinable
    public static var maximumWeight: Int { 1_000_000 }

    /// By endpoint, so that a list in another order, or with an endpoint more, does not disturb the mix.
    @usableFromInline var credits: [ID: Int] = [:]

    @inlinable
    public init() {}

    @inlinable
    public mutating func pick(
        from candidates: [Candidate<ID>], using random: inout some RandomNumberGenerator
    ) -> Int? {
        var total = 0
        var best: (index: Int, credit: Int)?
        for (index, candidate) in candidates.enumerated() where candidate.weight > 0 {
            let weight = min(candidate.weight, Self.maximumWeight)
            let credit = credits[candidate.id, default: 0] + weight
            credits[candidate.id] = credit
            total += weight
            if best.map({ credit > $0.credit }) ?? true { best = (index, credit) }
        }
        guard let best else { return nil }
        credits[candidates[best.index].id] = best.credit - total
        if credits.count > candidates.count { forgetAllBut(candidates) }
        return best.index
    }

    @usableFromInline
    mutating func forgetAllBut(_ candidates: [Candidate<ID>]) {
        let present = Set(candidates.map(\.id))
        credits = credits.filter { present.contains($0.key) }
    }
}
