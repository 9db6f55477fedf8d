/// How current a copy of what a coordination store holds is.
public enum StoreFreshness: Hashable, Sendable {
    /// The store has not been reached yet.
    case neverSynced
    /// Changes arrive as they happen.
    case live
    /// The store is away; this is the last that is known.
    case lastKnown
}
