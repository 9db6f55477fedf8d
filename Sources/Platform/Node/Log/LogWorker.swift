import ApusPrimitives
import ApusRaft
import ApusStorage
import Dispatch
import Foundation

/// The one writer of a log: takes what waits, puts it on disk as one record with one sync, and answers.
///
/// A thread of its own, because it blocks in the disk.
final class LogWorker {
    private let shared: LogShared
    private let snapshots: SnapshotStore
    private let options: RaftLogOptions
    private let lock: DiskFile
    private var segments: SegmentWriter?
    private var partial: SnapshotFileWriter?
    /// Of the log on disk.
    private var position: LogPosition
    /// What the next record makes of the hard state.
    private var hardState: HardState
    private var batch: [Write] = []
    private var batchBytes = 0
    private var answers: [LogAnswer] = []
    private var buffer = RecordBuffer()
    private var nextLook = DispatchTime.now()
    /// What gathers fits into a segment of the usual length: on a full disk there is no longer one.
    private let maximumBatchBytes: Int

    init(
        _ segments: SegmentWriter, after position: LogPosition, partial: SnapshotFileWriter?, lock: DiskFile,
        snapshots: SnapshotStore, shared: LogShared, options: RaftLogOptions
    ) {
        self.segments = segments
        self.position = position
        hardState = position.hardState
        self.partial = partial
        self.lock = lock
        self.snapshots = snapshots
        self.shared = shared
        self.options = options
        maximumBatchBytes = min(options.maximumBatchBytes, options.segmentBytes / 4)
    }

    /// Works until the log is closed.
    func run() {
        var jobs: [LogShared.Job] = []
        var closing: [CheckedContinuation<Void, Never>] = []
        var isClosed = false
        lookForRoom()
        while !isClosed {
            shared.queue.take(into: &jobs, until: shared.hasRoom ? .distantFuture : nextLook)
            for job in jobs {
                switch job {
                case .write(let write, let answer): add(write, answer)
                case .compact:
                    flush()
                    compact()
                case .lookForRoom: nextLook = .now()
                case .close(let continuation):
                    isClosed = true
                    if let continuation { closing.append(continuation) }
                }
            }
            flush()
            lookForRoom()
        }
        keepCommitIndex()
        segments = nil
        partial = nil
        lock.unlock()
        for continuation in closing { continuation.resume() }
    }

    private func add(_ write: Write, _ answer: @escaping LogAnswer) {
        let bytes = write.byteCount
        if batchBytes + bytes > maximumBatchBytes { flush() }
        if let chunk = write.chunk {
            flush()
            store(chunk, of: write)
        }
        batch.append(write)
        answers.append(answer)
        batchBytes += bytes
        if let chunk = write.chunk, chunk.isLast {
            flush(resettingTo: chunk.snapshot)
            shared.compact(through: chunk.snapshot.index)
        }
    }

    /// Puts what has gathered on disk, and answers.
    private func flush(resettingTo snapshot: SnapshotMetadata? = nil) {
        if answers.isEmpty { return }
        for write in batch { hardState = write.hardState ?? hardState }
        if needsRecord || snapshot != nil {
            encode(resettingTo: snapshot)
            putOnDisk(resettingTo: snapshot)
        }
        let failure = shared.failure
        for answer in answers { answer(failure.map { .failure($0) } ?? .success(())) }
        batch.removeAll(keepingCapacity: true)
        answers.removeAll(keepingCapacity: true)
        batchBytes = 0
    }

    /// What is committed can be found out again: it goes with the next record.
    private var needsRecord: Bool {
        hardState.term != position.hardState.term || hardState.votedFor != position.hardState.votedFor
            || batch.contains { !$0.entries.isEmpty }
    }

    private func encode(resettingTo snapshot: SnapshotMetadata?) {
        buffer.begin()
        if hardState != position.hardState { RecordItem.write(hardState, to: &buffer.writer) }
        if let snapshot { RecordItem.writeReset(index: snapshot.index, term: snapshot.term, to: &buffer.writer) }
        for write in batch where !write.entries.isEmpty { RecordItem.write(write.entries, to: &buffer.writer) }
    }

    /// Writes what is encoded; waits while there is no room.
    private func putOnDisk(resettingTo snapshot: SnapshotMetadata?) {
        let highest = batch.lazy.compactMap { $0.entries.last?.index }.max() ?? .zero
        let last = batch.last { !$0.entries.isEmpty }?.entries.last
        retryWhileFull { () throws(DiskError) in
            try segments?.append(&buffer, after: position, highestIndex: highest)
            position.hardState = hardState
            if let snapshot {
                segments?.forgetOlder(keeping: highest)
                (position.lastIndex, position.lastTerm) = (snapshot.index, snapshot.term)
            }
            if let last { (position.lastIndex, position.lastTerm) = (last.index, last.term) }
        }
    }

    /// Does it again for as long as there is no room. Any other failure is the end of the log.
    private func retryWhileFull(_ body: () throws(DiskError) -> Void) {
        while shared.failure == nil {
            do throws(DiskError) {
                return try body()
            } catch {
                let found = shared.error(for: error)
                if found.code != .full { return }
                shared.setRoom(false)
                if shared.isClosing {
                    // Nobody waits for it any more.
                    shared.fail(found)
                    return
                }
                compact()
                Thread.sleep(forTimeInterval: Double(options.fullDiskRetryMilliseconds) / 1_000)
            }
        }
    }

    /// Writes a piece of a snapshot that arrives, and with the last one puts it in its place.
    private func store(_ chunk: SnapshotChunk, of write: Write) {
        let end = chunk.offset + UInt64(chunk.bytes.count)
        retryWhileFull { () throws(DiskError) in
            if partial?.metadata != chunk.snapshot || partial?.source != chunk.source || chunk.offset == 0 {
                partial = try snapshots.beginPartial(chunk.snapshot, source: chunk.source)
            }
            guard let bytes = partial?.bytes, chunk.offset <= bytes else {
                shared.fail(
                    RaftLogError(
                        .failed,
                        "a piece at \(chunk.offset) of the snapshot of entry \(chunk.snapshot.index) came"
                            + " where \(partial?.bytes ?? 0) was next"))
                return
            }
            try partial?.append(chunk.bytes.array.suffix(Int(end - min(end, bytes))))
        }
        guard chunk.isLast else { return }
        // The term before the snapshot of it: the log must not look as if it came from a term that is not known.
        batch.append(Write(sequence: write.sequence, hardState: write.hardState, mustSync: true))
        answers.append { _ in }
        flush()
        retryWhileFull { () throws(DiskError) in
            try partial?.finish()
            _ = try snapshots.install(chunk.snapshot, from: SegmentFolder.partialSnapshot)
            partial = nil
        }
    }

    private func compact() {
        guard let wanted = shared.takeCompaction(), let snapshot = snapshots.newest, shared.failure == nil else {
            return
        }
        do throws(DiskError) {
            try segments?.drop(through: min(wanted, snapshot.index))
        } catch {
            _ = shared.error(for: error)
        }
    }

    private func lookForRoom() {
        guard shared.failure == nil, segments?.hasSpare == false || !snapshots.hasReserve else {
            return shared.setRoom(true)
        }
        guard shared.hasRoom || nextLook <= .now() else { return }
        nextLook = .now() + .milliseconds(options.fullDiskRetryMilliseconds)
        do throws(DiskError) {
            try segments?.prepareSpare()
            try snapshots.prepareReserve()
            shared.setRoom(true)
        } catch {
            if shared.error(for: error).code == .full { shared.setRoom(false) }
        }
    }

    /// At the end, so that a restarted node knows at once what was committed.
    private func keepCommitIndex() {
        guard hardState != position.hardState, shared.failure == nil else { return }
        batch.removeAll()
        encode(resettingTo: nil)
        putOnDisk(resettingTo: nil)
    }
}

extension Write {
    /// What it counts for in the bounds on bytes.
    var byteCount: Int {
        entries.reduce(64 + (chunk?.bytes.count ?? 0)) { $0 + $1.size }
    }
}
