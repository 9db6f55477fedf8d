/// Each endpoint in turn, whatever its weight (but 0). Begins at a random one, so that many clients do not all begin at
/// the first.
public struct RoundRobin<ID: Hashable & Sendable>: LoadBalancer {
    @usableFromInline var last: Int?

    @inlinable
    public init() {}

    @inlinable
    public mutating func pick(
        from candidates: [Candidate<ID>], using random: inout some RandomNumberGenerator
    ) -> Int? {
        guard !candidates.isEmpty else { return nil }
        let start = last.map { $0 + 1 } ?? Int.random(in: 0..<candidates.count, using: &random)
        for step in 0..<candidates.count {
            let index = (start + step) % candidates.count
            if candidates[index].weight > 0 {
                last = index
                return index
            }
        }
        return nil
    }
}
