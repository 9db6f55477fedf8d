import ApusPrimitives

/// Reads the frames of a file one after the other.
package struct FrameReader {
    package struct Frame {
        package let payload: [UInt8]
        package let index: UInt32
        package let offset: Int
    }

    package enum Item {
        case frame(Frame)
        case end
        /// The rest of the file is no frame.
        case broken(Break)
    }

    package struct Break {
        package let offset: Int
        /// It is what a crash leaves of the last write, not damage.
        package let isTorn: Bool
    }

    private let file: DiskFile
    private let size: Int
    package private(set) var offset = 0

    package init(_ file: DiskFile) throws(DiskError) {
        self.file = file
        size = try file.size()
    }

    package mutating func next() throws(DiskError) -> Item {
        guard offset < size else { return .end }
        let head = try file.read(at: offset, count: DiskFrame.headerBytes)
        guard let header = DiskFrame.header(of: head[...]), header.frameBytes <= size - offset else {
            return .broken(try broken())
        }
        let payload = try file.read(at: offset + DiskFrame.headerBytes, count: header.length)
        guard CRC32C.checksum(payload) == header.checksum else { return .broken(try broken()) }
        defer { offset += header.frameBytes }
        return .frame(Frame(payload: payload, index: header.index, offset: offset))
    }

    private func broken() throws(DiskError) -> Break {
        // A torn write is no longer than the longest frame: with more behind it, this is damage.
        let most = DiskFrame.maximumPayloadBytes + DiskFrame.headerBytes + DiskFrame.alignment
        let rest = try file.read(at: offset, count: min(size - offset, most))
        return Break(offset: offset, isTorn: offset + rest.count == size && DiskFrame.isTorn(rest, at: offset))
    }
}
