/// Picks the endpoint of the next call. A pure value: what it knows comes with the call.
public protocol LoadBalancer<ID>: Sendable {
    associatedtype ID: Hashable & Sendable

    /// The index of the pick; nil when no candidate has a weight above 0.
    mutating func pick(from candidates: [Candidate<ID>], using random: inout some RandomNumberGenerator) -> Int?
}
