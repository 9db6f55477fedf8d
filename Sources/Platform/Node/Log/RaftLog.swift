public import ApusRaft
package import ApusStorage
import Foundation

/// A node's Raft log on disk: entries, hard state and snapshots in one folder.
///
/// Writes that wait at the same time share one record and one `fdatasync`, on a thread of the log's own. What was answered
/// survives the death of the process and the loss of power at any moment; what a crash left of a write is cut off at the
/// next start; damage is refused. A failed sync is final. `docs/raft-log.md` has the format and the rules.
public final class RaftLog: Sendable {
    private let shared: LogShared
    private let snapshots: SnapshotStore

    /// What was on disk.
    public struct Recovered: Sendable {
        /// As the core wants it. `RaftLog.readSnapshot` has the bytes of the snapshot.
        public let state: PersistentState
        /// Bytes of a write that a crash interrupted, and that were cut off; it was never answered.
        public let tornBytes: Int

        /// Whether the folder was empty.
        public var isFirstStart: Bool { state == PersistentState() }
    }

    private init(shared: LogShared, snapshots: SnapshotStore) {
        self.shared = shared
        self.snapshots = snapshots
    }

    deinit {
        shared.close(nil)
    }

    /// Opens the log in a folder, which is made when it is not there. Blocks until everything is read.
    ///
    /// - Throws: `RaftLogError` `.locked` when another log has the folder open; `.corrupt`, with the file and the byte, when
    ///   what is there is not what was written, and then nothing was changed; `.full`; `.failed`.
    public static func open(
        folder: String, options: RaftLogOptions = RaftLogOptions()
    ) throws(RaftLogError) -> (log: RaftLog, recovered: Recovered) {
        try open(folder: folder, options: options, disk: .posix)
    }

    package static func open(
        folder: String, options: RaftLogOptions, disk: Disk
    ) throws(RaftLogError) -> (log: RaftLog, recovered: Recovered) {
        do {
            return try opened(SegmentFolder(path: folder, disk: disk), options)
        } catch let error as RaftLogError {
            throw error
        } catch let error as DiskError {
            throw RaftLogError(error, in: folder)
        } catch {
            throw RaftLogError(.failed, "the folder \(folder) cannot be used", cause: error)
        }
    }

    private static func opened(
        _ folder: SegmentFolder, _ options: RaftLogOptions
    ) throws -> (log: RaftLog, recovered: Recovered) {
        let lock = try folder.lock()
        let shared = LogShared(path: folder.folder.path, options: options)
        let snapshots = SnapshotStore(
            folder: folder, reserveBytes: options.snapshotReserveBytes, onRelease: shared.lookForRoom)
        let snapshot = try snapshots.recover()
        let found = try LogRecovery(folder: folder, options: options).run(after: snapshot)
        for name in found.leftovers { try folder.folder.remove(name) }
        try snapshots.removeUnfinished()
        let partial = try snapshots.resumePartial()
        var segments = try SegmentWriter(found, in: folder, options: options)
        if found.isReset, let snapshot {
            var record = RecordBuffer()
            record.begin()
            RecordItem.writeReset(index: snapshot.index, term: snapshot.term, to: &record.writer)
            try segments.append(&record, after: found.diskPosition, highestIndex: .zero)
            segments.forgetOlder(keeping: .zero)
        }
        let position = found.state.position
        let thread = Thread { [segments] in
            LogWorker(
                segments, after: position, partial: partial, lock: lock, snapshots: snapshots, shared: shared,
                options: options
            ).run()
        }
        thread.name = "apus-raft-log"
        thread.start()
        let arrived = partial.flatMap { partial in
            partial.source.map { PartialSnapshot(metadata: partial.metadata, source: $0, bytes: partial.bytes) }
        }
        let state = PersistentState(
            hardState: found.state.hardState, snapshot: snapshot, entries: found.state.entries, partialSnapshot: arrived
        )
        return (RaftLog(shared: shared, snapshots: snapshots), Recovered(state: state, tornBytes: found.tornBytes))
    }

    /// Puts a write on disk. Never blocks.
    ///
    /// - Parameter onDurable: called once, on the log's thread, in the order of the writes; it must be short. A failure means
    ///   that nobody knows whether the write is on disk.
    /// - Throws: `RaftLogError` `.overloaded` when too much waits already, and then nothing of the write is done; `.failed` after
    ///   a failure, `.closed`.
    public func append(
        _ write: Write, onDurable: @escaping @Sendable (Result<Void, RaftLogError>) -> Void
    ) throws(RaftLogError) {
        try shared.add(write, bytes: write.byteCount, onDurable)
    }

    /// Gives up what the log has up to an entry, as far as a snapshot covers it and whole files can go.
    public func compact(through index: LogIndex) {
        shared.compact(through: index)
    }

    /// Why nothing can be written any more; nil while it can.
    public var failure: RaftLogError? { shared.failure }

    /// Whether there is room beyond the reserve. Without it the log still takes what it is given, as far as the reserve goes:
    /// a node should propose nothing and take no entries, so that votes and terms still find room. Beyond it, writes wait until there
    /// is room again.
    public var hasRoom: Bool { shared.hasRoom }

    /// - Parameter observer: called when `hasRoom` changes, on the log's thread; it must be short. Replaces an earlier one.
    public func onRoomChange(_ observer: @escaping @Sendable (_ hasRoom: Bool) -> Void) {
        shared.observeRoom(observer)
    }

    /// The newest snapshot.
    public var snapshot: SnapshotMetadata? { snapshots.newest }

    /// Begins a snapshot of the state machine.
    ///
    /// - Throws: `RaftLogError` `.outdated` when there is one of this entry or a later one; `.full`, `.failed`.
    public func writeSnapshot(_ metadata: SnapshotMetadata) throws(RaftLogError) -> sending SnapshotWriter {
        if let failure { throw failure }
        let begun: (writer: SnapshotFileWriter, name: String)?
        do throws(DiskError) {
            begun = try snapshots.begin(metadata)
        } catch {
            throw shared.error(for: error)
        }
        guard let begun else {
            throw RaftLogError(.outdated, "there is a snapshot of entry \(metadata.index) or a later one")
        }
        return SnapshotWriter(begun.writer, name: begun.name, store: snapshots, shared: shared)
    }

    /// Opens a snapshot that is on disk: the newest, or one that `removeSnapshots` kept.
    ///
    /// - Throws: `RaftLogError` `.outdated` when it is not there; `.corrupt`, `.failed`.
    public func readSnapshot(_ metadata: SnapshotMetadata) throws(RaftLogError) -> SnapshotReader {
        do {
            return try snapshots.reader(metadata)
        } catch let error as RaftLogError {
            throw error
        } catch {
            throw RaftLogError(.failed, "the snapshot of entry \(metadata.index) cannot be read", cause: error)
        }
    }

    /// Removes every snapshot but the newest and those that are used.
    public func removeSnapshots(keeping used: [SnapshotMetadata]) throws(RaftLogError) {
        do throws(DiskError) {
            try snapshots.remove(keeping: used)
        } catch {
            throw RaftLogError(.failed, "an old snapshot cannot be removed", cause: error)
        }
    }

    /// Writes what waits, answers it, and lets go of the folder.
    public func close() async {
        await withCheckedContinuation { shared.close($0) }
    }
}
