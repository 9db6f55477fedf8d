import ApusNode
import ApusPrimitives
import ApusRaft

/// A storage in memory that fails when it is told to.
final class FaultyStorage: NodeStorage {
    private struct Listener {
        var tell: (@Sendable (NodeStorageEvent) -> Void)?
    }

    private let memory = MemoryStorage()
    private let held = Locked<[Write]?>(nil)
    private let listener = Locked(Listener())

    var recovered: PersistentState { memory.recovered }

    func start(_ events: @escaping @Sendable (NodeStorageEvent) -> Void) {
        listener.withLock { $0.tell = events }
        memory.start(events)
    }

    /// As a sync that failed: nothing that was asked for later is done.
    func fail() {
        report(.failed(NodeError(.failed, "the disk does not take what it is given")))
    }

    func report(_ event: NodeStorageEvent) {
        listener.withLock { $0.tell }?(event)
    }

    /// From now on, what is written waits until `resume`: as on a disk that does not answer.
    func hang() { held.withLock { $0 = $0 ?? [] } }

    func resume() {
        let writes = held.withLock { held in
            defer { held = nil }
            return held ?? []
        }
        for write in writes { memory.append(write) }
    }

    func append(_ write: Write) {
        let isHeld = held.withLock { held in
            held?.append(write)
            return held != nil
        }
        if !isHeld { memory.append(write) }
    }

    func beginSnapshot(_ metadata: SnapshotMetadata) throws -> any NodeSnapshotWriter {
        try memory.beginSnapshot(metadata)
    }

    func readSnapshot(
        _ metadata: SnapshotMetadata, at offset: UInt64, maximumBytes: Int
    ) throws -> (bytes: Bytes, isLast: Bool) {
        try memory.readSnapshot(metadata, at: offset, maximumBytes: maximumBytes)
    }

    func keep(_ snapshots: [SnapshotMetadata]) { memory.keep(snapshots) }

    func close() async { await memory.close() }
}
