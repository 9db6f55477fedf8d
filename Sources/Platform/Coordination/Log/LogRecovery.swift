import ApusKV
import ApusPrimitives
import ApusStorage

/// Brings back a store from its folder: the snapshot, then the log after it.
struct LogRecovery {
    /// The store as it was acknowledged, and where the log goes on.
    struct Outcome {
        var store: KVStore
        /// Of the next command.
        var nextIndex: UInt64
        /// The index that names the last file of the log.
        var segment: UInt64
        /// Those of the files before it.
        var olderSegments: [UInt64] = []
        /// The length of the last file.
        var segmentBytes: Int
        /// The length of all files.
        var logBytes: Int
        var snapshotBytes: Int
        /// What was cut off the end of the log: the rest of a write that was never acknowledged.
        var tornBytes: Int
    }

    let folder: LogFolder
    let disk: Disk
    let now: MonotonicTime

    /// - Throws: `CoordinationError` `.corrupt` with the file and the offset, or `DiskError`.
    func run() throws -> Outcome {
        var outcome = Outcome(
            store: KVStore(minimumLeaseTTLSeconds: 1), nextIndex: 1, segment: 1, segmentBytes: 0, logBytes: 0,
            snapshotBytes: 0, tornBytes: 0)
        if folder.hasSnapshot() {
            let snapshot = try SnapshotFile.read(folder, at: now)
            outcome.store = snapshot.store
            outcome.nextIndex = snapshot.lastIndex + 1
            outcome.snapshotBytes = snapshot.bytes
        }
        let segments = try folder.segments()
        outcome.segment = outcome.nextIndex
        for segment in segments {
            try replay(segment, isLast: segment == segments.last, into: &outcome)
        }
        outcome.olderSegments = segments.filter { $0 != outcome.segment }
        outcome.store.extendAllLeases(at: now)
        return outcome
    }

    private func replay(_ segment: UInt64, isLast: Bool, into outcome: inout Outcome) throws {
        let file = try DiskFile(folder.segmentPath(segment), .readWrite, disk: disk)
        var reader = try FrameReader(file)
        var index = segment
        guard segment <= outcome.nextIndex else {
            throw CoordinationError.corrupt(
                file.path, at: 0, "the commands from \(outcome.nextIndex) on, before it, are missing")
        }
        reading: while true {
            switch try reader.next() {
            case .frame(let frame):
                try apply(frame, of: file, index: &index, to: &outcome)
            case .broken(let found):
                guard isLast, found.isTorn else {
                    throw CoordinationError.corrupt(file.path, at: found.offset, "this is not what was written")
                }
                outcome.tornBytes = try file.size() - found.offset
                try file.truncate(to: found.offset)
                try file.sync()
                break reading
            case .end:
                break reading
            }
        }
        outcome.logBytes += reader.offset
        // Where a file ends before the snapshot does, the log goes on in a new one.
        outcome.segment = index == outcome.nextIndex ? segment : outcome.nextIndex
        outcome.segmentBytes = index == outcome.nextIndex ? reader.offset : 0
    }

    private func apply(
        _ frame: FrameReader.Frame, of file: DiskFile, index: inout UInt64, to outcome: inout Outcome
    ) throws {
        let records: [LogBatch.Record]
        do {
            records = try LogBatch.decode(frame.payload)
        } catch {
            throw CoordinationError.corrupt(file.path, at: frame.offset, "\(error)")
        }
        for record in records {
            guard record.index == index else {
                throw CoordinationError.corrupt(
                    file.path, at: frame.offset, "command \(record.index) is where \(index) must be")
            }
            index += 1
            guard record.index == outcome.nextIndex else { continue }
            outcome.nextIndex = index
            do {
                try outcome.store.apply(record.command, at: now)
            } catch {
                throw CoordinationError.corrupt(
                    file.path, at: frame.offset, "command \(record.index) does not apply: \(error.message)")
            }
            guard outcome.store.revision == record.revision else {
                throw CoordinationError.corrupt(
                    file.path, at: frame.offset,
                    "command \(record.index) led to revision \(outcome.store.revision), not \(record.revision)")
            }
        }
    }
}
