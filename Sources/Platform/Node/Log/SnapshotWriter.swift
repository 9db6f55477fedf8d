public import ApusPrimitives
public import ApusRaft
import ApusStorage

/// Writes a snapshot of this node's state machine beside the older ones. It counts when `finish` has returned; a writer that
/// is let go before leaves nothing.
///
/// Its calls block in the disk: make them neither on an event loop nor on a task's thread.
public final class SnapshotWriter {
    public let metadata: SnapshotMetadata
    private var file: SnapshotFileWriter
    private let name: String
    private let store: SnapshotStore
    private let shared: LogShared
    private var isOpen = true

    init(_ file: SnapshotFileWriter, name: String, store: SnapshotStore, shared: LogShared) {
        metadata = file.metadata
        self.file = file
        self.name = name
        self.store = store
        self.shared = shared
    }

    deinit {
        // What stays is removed at the next start.
        if isOpen { try? store.discard(name) }
    }

    /// - Throws: `RaftLogError` `.full` when there is no room, nor in what was set aside for a snapshot; `.failed`.
    public func append(_ bytes: Bytes) throws(RaftLogError) {
        if let failure = shared.failure { throw failure }
        let end = file.bytes + UInt64(bytes.count)
        do throws(DiskError) {
            try store.usingReserve(for: name) { () throws(DiskError) in
                try file.append(bytes.array.suffix(Int(end - file.bytes)))
            }
        } catch {
            throw shared.error(for: error)
        }
    }

    /// Makes the snapshot last. The log may now be made shorter: `RaftLog.compact`.
    ///
    /// - Throws: `RaftLogError` `.full`, `.failed`; `.outdated` when a later snapshot was faster.
    public func finish() throws(RaftLogError) {
        if let failure = shared.failure { throw failure }
        let isInstalled: Bool
        do throws(DiskError) {
            try store.usingReserve(for: name) { () throws(DiskError) in try file.finish() }
            isInstalled = try store.install(metadata, from: name)
        } catch {
            throw shared.error(for: error)
        }
        isOpen = false
        if !isInstalled {
            throw RaftLogError(.outdated, "there is a later snapshot than that of entry \(metadata.index)")
        }
    }
}
