/// What a node has on disk when it starts.
public struct PersistentState: Hashable, Sendable {
    public var hardState: HardState
    /// The newest snapshot; its bytes are the shell's.
    public var snapshot: SnapshotMetadata?
    /// Those after the snapshot, or from index 1 on. They follow each other.
    public var entries: [Entry]
    /// What arrived of a snapshot that is not complete.
    public var partialSnapshot: PartialSnapshot?

    public init(
        hardState: HardState = HardState(), snapshot: SnapshotMetadata? = nil, entries: [Entry] = [],
        partialSnapshot: PartialSnapshot? = nil
    ) {
        self.hardState = hardState
        self.snapshot = snapshot
        self.entries = entries
        self.partialSnapshot = partialSnapshot
    }

    /// A cluster's first start: every member of `configuration` starts with it, and, as long as its disk has no snapshot,
    /// with this snapshot. Who joins later starts with nothing.
    public static func bootstrap(_ configuration: Configuration) -> PersistentState {
        PersistentState(snapshot: SnapshotMetadata(index: .zero, term: .zero, configuration: configuration))
    }
}
