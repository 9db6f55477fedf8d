import ApusPrimitives

/// Reads the frames of a file one after the other.
struct FrameReader {
    struct Frame {
        let payload: [UInt8]
        let index: UInt32
        let offset: Int
    }

    enum Item {
        case frame(Frame)
        case end
        /// The rest of the file is no frame.
        case broken(Break)
    }

    struct Break {
        let offset: Int
        /// It is what a crash leaves of the last write, not damage.
        let isTorn: Bool
    }

    private let file: DiskFile
    private let size: Int
    private(set) var offset = 0

    init(_ file: DiskFile) throws(DiskError) {
        self.file = file
        size = try file.size()
    }

    mutating func next() throws(DiskError) -> Item {
        guard offset < size else { return .end }
        let head = try file.read(at: offset, count: LogFrame.headerBytes)
        guard let header = LogFrame.header(of: head[...]), header.frameBytes <= size - offset else {
            return .broken(try broken())
        }
        let payload = try file.read(at: offset + LogFrame.headerBytes, count: header.length)
        guard CRC32C.checksum(payload) == header.checksum else { return .broken(try broken()) }
        defer { offset += header.frameBytes }
        return .frame(Frame(payload: payload, index: header.index, offset: offset))
    }

    private func broken() throws(DiskError) -> Break {
        // A torn write is no longer than the longest frame: with more behind it, this is damage.
        let most = LogFrame.maximumPayloadBytes + LogFrame.headerBytes + LogFrame.alignment
        let rest = try file.read(at: offset, count: min(size - offset, most))
        return Break(offset: offset, isTorn: offset + rest.count == size && LogFrame.isTorn(rest, at: offset))
    }
}
