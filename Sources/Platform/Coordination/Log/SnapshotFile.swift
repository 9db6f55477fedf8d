import ApusKV
import ApusPrimitives
import ApusStorage

/// A store on disk as frames: what it is, the chunks of the store, and how many chunks there were.
enum SnapshotFile {
    private static let magic = Array("apus snapshot 1".utf8)

    struct Content {
        let store: KVStore
        /// The index of the last command that is in it.
        let lastIndex: UInt64
        let bytes: Int
    }

    /// Writes beside the old snapshot, makes it last, and then takes the old one's place.
    ///
    /// - Returns: its size in bytes.
    static func write(_ store: KVStore, lastIndex: UInt64, in folder: LogFolder, disk: Disk) throws -> Int {
        let file = try DiskFile(folder.unfinishedSnapshotPath, .replace, disk: disk)
        var offset = 0
        var chunks: UInt64 = 0
        func append(_ payload: [UInt8]) throws {
            let frame = DiskFrame.encode(payload, index: chunks)
            try file.write(frame, at: offset)
            offset += frame.count
            chunks += 1
        }
        var head = ByteWriter()
        head.write(raw: magic)
        head.write(lastIndex)
        try append(head.bytes)
        for chunk in store.snapshotChunks() { try append(chunk) }
        var end = ByteWriter()
        end.write(chunks)
        try append(end.bytes)
        try file.sync()
        try folder.folder.move(LogFolder.unfinishedSnapshot, to: LogFolder.snapshot)
        try folder.folder.sync()
        return offset
    }

    static func read(_ folder: LogFolder, at now: MonotonicTime) throws -> Content {
        let file = try DiskFile(folder.snapshotPath, .read)
        var reader = try FrameReader(file)
        var frames: [FrameReader.Frame] = []
        var decoder = SnapshotDecoder()
        var count: UInt64 = 0
        var lastIndex: UInt64?
        while case .frame(let frame) = try reader.next() {
            guard frame.index == UInt32(truncatingIfNeeded: count) else { break }
            if count == 0 {
                guard frame.payload.starts(with: magic), frame.payload.count == magic.count + 8 else { break }
                var rest = ByteReader(frame.payload[magic.count...])
                lastIndex = try rest.read()
            } else {
                // One behind, because the last is not a chunk.
                if let chunk = frames.popLast() { try append(chunk, to: &decoder, of: file) }
                frames.append(frame)
            }
            count += 1
        }
        guard let lastIndex, let end = frames.popLast(), reader.offset == (try file.size()),
            end.payload.count == 8, try ByteReader.number(end.payload) == count - 1
        else { throw CoordinationError.corrupt(file.path, at: reader.offset, "the snapshot is incomplete here") }
        do {
            let store = try decoder.finish(at: now)
            return Content(store: store, lastIndex: lastIndex, bytes: reader.offset)
        } catch {
            throw CoordinationError.corrupt(file.path, at: reader.offset, error.message)
        }
    }

    private static func append(_ frame: FrameReader.Frame, to decoder: inout SnapshotDecoder, of file: DiskFile) throws
    {
        do {
            try decoder.append(frame.payload)
        } catch {
            throw CoordinationError.corrupt(file.path, at: frame.offset, error.message)
        }
    }
}

extension ByteReader {
    fileprivate static func number(_ bytes: [UInt8]) throws -> UInt64 {
        var reader = ByteReader(bytes)
        return try reader.read()
    }
}

extension CoordinationError {
    static func corrupt(_ path: String, at offset: Int, _ why: String) -> CoordinationError {
        CoordinationError(
            .corrupt,
            "\(path) is damaged at byte \(offset): \(why). Nothing was changed; restore the folder from a copy")
    }
}
