/// What a linearizable read rests on.
public enum ReadMode: Hashable, Sendable {
    /// A round of heartbeats that a majority answers (dissertation, section 6.4).
    case quorum
    /// The leader's lease (dissertation, section 6.4.1): no round, but it trusts that no clock of the cluster runs faster
    /// than another's by more than `RaftOptions.leaseMarginTicks` allows. Without a lease it is `.quorum`.
    case lease
}
