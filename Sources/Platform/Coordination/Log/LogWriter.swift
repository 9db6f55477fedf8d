import ApusKV
import ApusPrimitives
import ApusStorage

/// Appends batches to the log, and begins a new file where a snapshot is to take the place of the old ones.
///
/// Not safe to share: it belongs to the log's thread.
struct LogWriter {
    let folder: LogFolder
    private let disk: Disk
    private var file: DiskFile
    private var fileBytes: Int
    private var segment: UInt64
    private var olderSegments: [UInt64]
    private(set) var nextIndex: UInt64
    /// What has been written since the last snapshot, in bytes.
    private(set) var bytesSinceSnapshot: Int

    init(_ recovered: LogRecovery.Outcome, in folder: LogFolder, disk: Disk) throws(DiskError) {
        self.folder = folder
        self.disk = disk
        file = try DiskFile(folder.segmentPath(recovered.segment), .readWrite, disk: disk)
        try folder.folder.sync()
        fileBytes = recovered.segmentBytes
        segment = recovered.segment
        olderSegments = recovered.olderSegments
        nextIndex = recovered.nextIndex
        bytesSinceSnapshot = recovered.logBytes
    }

    /// Why a batch is not on disk.
    enum Failure: Error {
        /// There is no room; the log is as it was before.
        case full(DiskError)
        /// Nobody knows what is on disk now; nothing may be appended any more.
        case fatal(DiskError)
    }

    /// When it returns, the batch is on disk.
    mutating func append(_ batch: LogBatch) throws(Failure) {
        let frame = batch.frame
        do throws(DiskError) {
            try file.write(frame, at: fileBytes)
        } catch {
            do throws(DiskError) { try file.truncate(to: fileBytes) } catch { throw .fatal(error) }
            throw error.isFull ? .full(error) : .fatal(error)
        }
        // After a failed sync the system may call the lost pages clean, and a second sync would lie.
        do throws(DiskError) { try file.sync() } catch { throw .fatal(error) }
        fileBytes += frame.count
        bytesSinceSnapshot += frame.count
        nextIndex += batch.count
    }

    /// Files that a snapshot makes superfluous.
    struct Rotation {
        /// The index of the last command in them.
        let lastIndex: UInt64
        let segments: [UInt64]
    }

    /// Goes on in a new file, so that everything before it can be dropped when a snapshot of now is on disk.
    mutating func rotate() throws(DiskError) -> Rotation {
        if fileBytes > 0 {
            let next = try DiskFile(folder.segmentPath(nextIndex), .replace, disk: disk)
            do throws(DiskError) {
                try folder.folder.sync()
            } catch {
                // The log goes on in the old file, and only in the last one a torn write is no damage.
                try folder.folder.remove(LogFolder.segment(nextIndex))
                throw error
            }
            file = next
            fileBytes = 0
            olderSegments.append(segment)
            segment = nextIndex
        }
        bytesSinceSnapshot = 0
        return Rotation(lastIndex: nextIndex - 1, segments: olderSegments)
    }

    /// Removes files that a snapshot has made superfluous.
    mutating func drop(_ rotation: Rotation) throws {
        for segment in rotation.segments {
            try folder.folder.remove(LogFolder.segment(segment))
            olderSegments.removeAll { $0 == segment }
        }
    }

    /// The next snapshot is due when the log has grown by as much again.
    mutating func postponeSnapshot() {
        bytesSinceSnapshot = 0
    }
}
