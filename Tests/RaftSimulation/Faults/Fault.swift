/// A kind of trouble that a plan can do without, for shrinking a failure to what it needs.
public enum Fault: String, CaseIterable, Sendable {
    /// Messages are lost, are doubled, come late, come in another order.
    case drops, doubles, delays, reordering
    /// Links are cut, one way or both, and groups of nodes from each other.
    case cuts
    case crashes
    /// Crashes in the middle of what a `Ready` asked for.
    case halfway
    /// A crash leaves a part of the last write; a write takes long; the disk fails, and the node with it; it is full.
    case tornWrites, stalls, diskErrors, fullDisks
    /// Clocks run fast or slow; stand still and catch up.
    case drift, jumps
    case memberChanges, transfers, coups, snapshots, leaseReads
    /// Inputs are stepped in batches, effects carried out in any order.
    case batching
}
