import ApusPrimitives
import ApusRaft
import ApusStorage

/// How a snapshot is on disk, in frames: what it is, its bytes in blocks of one size, and how many bytes there are.
///
/// Every block but the last is full, so that any byte is found at once.
enum SnapshotFile {
    static let blockBytes = 64 * 1024
    static let fullFrameBytes = DiskFrame.headerBytes + blockBytes
    static let endFrameBytes = 2 * DiskFrame.alignment
    private static let magic = Array("apus raft snapshot 1\n".utf8)

    /// - Parameter source: whose snapshot it is; nil: this node's own.
    static func head(_ metadata: SnapshotMetadata, source: NodeID?) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(raw: magic)
        writer.write(source?.rawValue ?? 0)
        metadata.write(to: &writer)
        return DiskFrame.encode(writer.bytes, index: 0)
    }

    static func end(bytes: UInt64, blocks: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(bytes)
        return DiskFrame.encode(writer.bytes, index: blocks + 1)
    }

    struct Head {
        let metadata: SnapshotMetadata
        let source: NodeID?
        /// Where the first block begins.
        let bytes: Int
    }

    /// - Returns: nil when the file does not begin as a snapshot does.
    static func head(of file: DiskFile) throws(DiskError) -> Head? {
        guard let payload = try frame(of: file, at: 0, index: 0), payload.starts(with: magic) else { return nil }
        var reader = ByteReader(payload[magic.count...])
        do throws(ByteReader.Malformed) {
            let source = try reader.read(UInt64.self)
            let metadata = try SnapshotMetadata(reading: &reader)
            return Head(
                metadata: metadata, source: source == 0 ? nil : NodeID(source),
                bytes: head(metadata, source: nil).count)
        } catch {
            return nil
        }
    }

    /// The payload of the frame at `offset`; nil when there is no such frame.
    static func frame(of file: DiskFile, at offset: Int, index: UInt64) throws(DiskError) -> [UInt8]? {
        let head = try file.read(at: offset, count: DiskFrame.headerBytes)
        guard let header = DiskFrame.header(of: head[...]), header.index == UInt32(truncatingIfNeeded: index),
            // No frame of a snapshot is longer than a block, or than the head with some thousand members.
            header.length <= fullFrameBytes
        else { return nil }
        let payload = try file.read(at: offset + DiskFrame.headerBytes, count: header.length)
        return CRC32C.checksum(payload) == header.checksum && payload.count == header.length ? payload : nil
    }
}

/// Writes the file of a snapshot from its first byte to its last.
struct SnapshotFileWriter {
    let metadata: SnapshotMetadata
    let source: NodeID?
    let file: DiskFile
    private let headBytes: Int
    private var blocks: UInt64 = 0
    private var rest: [UInt8] = []
    private var unsyncedBytes = 0
    /// So that the sync at the end finds little to do.
    private static let syncBytes = 1 << 20

    /// How many bytes of the snapshot it has.
    var bytes: UInt64 { blocks * UInt64(SnapshotFile.blockBytes) + UInt64(rest.count) }

    init(_ metadata: SnapshotMetadata, source: NodeID?, to file: DiskFile) throws(DiskError) {
        self.metadata = metadata
        self.source = source
        self.file = file
        let head = SnapshotFile.head(metadata, source: source)
        headBytes = head.count
        try file.write(head, at: 0)
    }

    /// Goes on with a file that a crash left: with those blocks of it that are whole.
    ///
    /// - Returns: nil when there is nothing to go on with.
    init?(resuming file: DiskFile) throws(DiskError) {
        guard let head = try SnapshotFile.head(of: file) else { return nil }
        metadata = head.metadata
        source = head.source
        self.file = file
        headBytes = head.bytes
        while let block = try SnapshotFile.frame(of: file, at: place, index: blocks + 1),
            block.count == SnapshotFile.blockBytes
        {
            blocks += 1
        }
        try file.truncate(to: place)
    }

    /// When it throws because there is no room, it may be tried again with what `bytes` says is missing.
    mutating func append(_ content: ArraySlice<UInt8>) throws(DiskError) {
        var content = content
        while true {
            if rest.count == SnapshotFile.blockBytes { try writeRest() }
            if content.isEmpty { break }
            let taken = content.prefix(SnapshotFile.blockBytes - rest.count)
            rest += taken
            content = content.dropFirst(taken.count)
        }
        if unsyncedBytes >= Self.syncBytes {
            try file.sync()
            unsyncedBytes = 0
        }
    }

    /// Makes all of it last. May be tried again when there was no room.
    func finish() throws(DiskError) {
        var end: [UInt8] = []
        if !rest.isEmpty { end += DiskFrame.encode(rest, index: blocks + 1) }
        end += SnapshotFile.end(bytes: bytes, blocks: blocks + (rest.isEmpty ? 0 : 1))
        try file.write(end, at: place)
        try file.sync()
    }

    private var place: Int { headBytes + Int(blocks) * SnapshotFile.fullFrameBytes }

    private mutating func writeRest() throws(DiskError) {
        try file.write(DiskFrame.encode(rest, index: blocks + 1), at: place)
        unsyncedBytes += rest.count
        blocks += 1
        rest.removeAll(keepingCapacity: true)
    }
}
