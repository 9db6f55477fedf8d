public import ApusPrimitives
public import ApusRaft

/// Where a node keeps what it must not forget. On disk, `RaftLog`; in memory, `MemoryStorage`.
public protocol NodeStorage: Sendable {
    /// What was there at the start.
    var recovered: PersistentState { get }

    /// Tells from now on what happened; called from any thread. Called once, before anything else.
    func start(_ events: @escaping @Sendable (NodeStorageEvent) -> Void)

    /// Writes, in the order of the calls, and reports `.persisted`. Does not wait for the disk.
    func append(_ write: Write)

    /// A place for a snapshot of the state machine. May wait for the disk, as may all that follows.
    func beginSnapshot(_ metadata: SnapshotMetadata) throws -> any NodeSnapshotWriter

    /// A piece of a snapshot, of at most `maximumBytes`, and whether nothing follows it.
    func readSnapshot(
        _ metadata: SnapshotMetadata, at offset: UInt64, maximumBytes: Int
    ) throws -> (bytes: Bytes, isLast: Bool)

    /// Other snapshots than these are not needed any more.
    func keep(_ snapshots: [SnapshotMetadata])

    /// Finishes what was appended and lets go of it.
    func close() async
}

/// Takes the bytes of one snapshot. Until `finish` returned, the snapshot does not exist.
public protocol NodeSnapshotWriter {
    mutating func write(_ bytes: [UInt8]) throws
    /// The snapshot is on disk, and is the one that a restart finds.
    mutating func finish() throws
    /// Forgets it.
    mutating func cancel()
}

public enum NodeStorageEvent: Sendable {
    /// Every write up to this sequence is on disk.
    case persisted(through: UInt64)
    /// Whether there is room. Writes that found none wait, and are done when there is.
    case writable(Bool)
    /// Nothing can be trusted any more; the node ends.
    case failed(NodeError)
}
