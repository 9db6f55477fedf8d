public import ApusPrimitives
public import ApusRaft

/// A storage that lasts as long as its process: for tests, and where losing a whole cluster's state at once is accepted.
///
/// A node that is made anew on the storage of its predecessor goes on where that ended.
public final class MemoryStorage: NodeStorage {
    fileprivate struct State {
        var disk: PersistentState
        var images: [SnapshotMetadata: [UInt8]] = [:]
        var partial: [UInt8] = []
        var events: (@Sendable (NodeStorageEvent) -> Void)?
    }

    fileprivate let state: Locked<State>

    /// - Parameter bootstrap: what a node without a past starts with.
    public init(_ bootstrap: PersistentState = PersistentState()) {
        state = Locked(State(disk: bootstrap))
    }

    public var recovered: PersistentState { state.withLock { $0.disk } }

    public func start(_ events: @escaping @Sendable (NodeStorageEvent) -> Void) {
        state.withLock { $0.events = events }
    }

    public func append(_ write: Write) {
        let events = state.withLock { state in
            state.take(write)
            return state.events
        }
        events?(.persisted(through: write.sequence))
    }

    public func beginSnapshot(_ metadata: SnapshotMetadata) throws -> any NodeSnapshotWriter {
        Writer(storage: self, metadata: metadata)
    }

    public func readSnapshot(
        _ metadata: SnapshotMetadata, at offset: UInt64, maximumBytes: Int
    ) throws -> (bytes: Bytes, isLast: Bool) {
        try state.withLock { state in
            guard let image = state.images[metadata] else {
                throw NodeError(.corrupt, "there is no snapshot of index \(metadata.index)")
            }
            let start = min(Int(clamping: offset), image.count)
            let end = min(start + maximumBytes, image.count)
            return (Bytes(image[start..<end]), end == image.count)
        }
    }

    public func keep(_ snapshots: [SnapshotMetadata]) {
        state.withLock { state in
            state.images = state.images.filter { snapshots.contains($0.key) || $0.key == state.disk.snapshot }
        }
    }

    public func close() async {
        state.withLock { $0.events = nil }
    }

    fileprivate func finish(_ metadata: SnapshotMetadata, _ image: [UInt8]) {
        state.withLock { $0.install(metadata, image, keepsLog: true) }
    }

    private struct Writer: NodeSnapshotWriter {
        let storage: MemoryStorage
        let metadata: SnapshotMetadata
        var image: [UInt8] = []

        mutating func write(_ bytes: [UInt8]) { image += bytes }

        mutating func finish() { storage.finish(metadata, image) }

        mutating func cancel() { image = [] }
    }
}

extension MemoryStorage.State {
    fileprivate mutating func take(_ write: Write) {
        if let hardState = write.hardState { disk.hardState = hardState }
        if let first = write.entries.first {
            if let last = disk.entries.last, last.index >= first.index {
                disk.entries.removeSubrange(max(0, disk.entries.count - (last.index - first.index) - 1)...)
            }
            disk.entries.append(contentsOf: write.entries)
        }
        if let chunk = write.chunk { take(chunk) }
    }

    private mutating func take(_ chunk: SnapshotChunk) {
        let isNew = disk.partialSnapshot?.metadata != chunk.snapshot || disk.partialSnapshot?.source != chunk.source
        if isNew { partial = [] }
        guard chunk.offset <= UInt64(partial.count) else { return }
        partial.removeSubrange(Int(chunk.offset)...)
        partial += chunk.bytes.array
        disk.partialSnapshot = PartialSnapshot(
            metadata: chunk.snapshot, source: chunk.source, bytes: UInt64(partial.count))
        guard chunk.isLast else { return }
        install(chunk.snapshot, partial, keepsLog: false)
        partial = []
        disk.partialSnapshot = nil
    }

    fileprivate mutating func install(_ metadata: SnapshotMetadata, _ image: [UInt8], keepsLog: Bool) {
        if let newest = disk.snapshot, newest.index >= metadata.index, newest.index > .zero { return }
        images[metadata] = image
        disk.snapshot = metadata
        disk.entries = keepsLog ? Array(disk.entries.drop { $0.index <= metadata.index }) : []
    }
}
