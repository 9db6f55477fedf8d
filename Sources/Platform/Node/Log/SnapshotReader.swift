public import ApusPrimitives
public import ApusRaft
import ApusStorage

/// Reads a snapshot from disk. It stays readable while this exists, also when a newer one took its place.
public final class SnapshotReader: Sendable {
    public let metadata: SnapshotMetadata
    /// The size of the snapshot, as it was written.
    public let byteCount: UInt64
    private let file: DiskFile
    private let headBytes: Int

    /// - Throws: `RaftLogError` `.corrupt`, `.failed`.
    init(_ file: DiskFile) throws {
        self.file = file
        guard let head = try SnapshotFile.head(of: file) else {
            throw RaftLogError.corrupt(file.path, at: 0, "this is not the head of a snapshot")
        }
        metadata = head.metadata
        headBytes = head.bytes
        let endOffset = max(headBytes, try file.size() - SnapshotFile.endFrameBytes)
        let blocks = (endOffset - headBytes + SnapshotFile.fullFrameBytes - 1) / SnapshotFile.fullFrameBytes
        guard let end = try SnapshotFile.frame(of: file, at: endOffset, index: UInt64(blocks) + 1), end.count == 8,
            case var reader = ByteReader(end), let bytes = try? reader.read(UInt64.self)
        else { throw RaftLogError.corrupt(file.path, at: endOffset, "the snapshot does not end here") }
        byteCount = bytes
    }

    /// At least one byte from `offset` on and at most `maximumBytes`; none at the end. Blocks in the disk.
    ///
    /// - Throws: `RaftLogError` `.corrupt`, with the file and the byte, when they are not what was written; `.failed`.
    public func read(at offset: UInt64, maximumBytes: Int) throws(RaftLogError) -> Bytes {
        var content: [UInt8] = []
        let wanted = min(UInt64(max(maximumBytes, 1)), byteCount - min(offset, byteCount))
        content.reserveCapacity(Int(wanted))
        while content.count < wanted {
            let position = offset + UInt64(content.count)
            let block = try block(position / UInt64(SnapshotFile.blockBytes))
            let rest = block[Int(position % UInt64(SnapshotFile.blockBytes))...]
            content += rest.prefix(Int(wanted) - content.count)
        }
        return Bytes(content)
    }

    private func block(_ number: UInt64) throws(RaftLogError) -> [UInt8] {
        let offset = headBytes + Int(number) * SnapshotFile.fullFrameBytes
        let block: [UInt8]?
        do throws(DiskError) {
            block = try SnapshotFile.frame(of: file, at: offset, index: number + 1)
        } catch {
            throw RaftLogError(.failed, "the snapshot cannot be read", cause: error)
        }
        let start = number * UInt64(SnapshotFile.blockBytes)
        guard let block, block.count == min(UInt64(SnapshotFile.blockBytes), byteCount - start) else {
            throw .corrupt(file.path, at: offset, "this is not what was written")
        }
        return block
    }
}
