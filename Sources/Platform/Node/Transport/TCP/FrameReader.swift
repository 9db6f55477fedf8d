import ApusPrimitives
import NIOCore

/// Cuts a stream into frames: the length of the content (4 bytes, little-endian), its CRC-32C, the content.
struct FrameReader {
    static let headerBytes = 8

    private var buffer = ByteBuffer()
    private(set) var maximumBytes: Int

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    /// What is no frame; nothing after it means anything.
    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    /// The same stream, with larger frames from here on.
    func allowing(_ maximumBytes: Int) -> FrameReader {
        var reader = self
        reader.maximumBytes = maximumBytes
        return reader
    }

    mutating func append(_ bytes: inout ByteBuffer) {
        buffer.writeBuffer(&bytes)
    }

    /// The content of the next frame; nil when it is not whole yet.
    mutating func next() throws(Malformed) -> [UInt8]? {
        let start = buffer.readerIndex
        guard let length = buffer.getInteger(at: start, endianness: .little, as: UInt32.self) else { return nil }
        guard length <= maximumBytes else {
            throw Malformed(description: "a frame of \(length) bytes, more than \(maximumBytes)")
        }
        guard buffer.readableBytes >= Self.headerBytes + Int(length),
            let checksum = buffer.getInteger(at: start + 4, endianness: .little, as: UInt32.self),
            let content = buffer.getBytes(at: start + Self.headerBytes, length: Int(length))
        else { return nil }
        guard CRC32C.checksum(content) == checksum else {
            throw Malformed(description: "a frame with a wrong checksum")
        }
        buffer.moveReaderIndex(forwardBy: Self.headerBytes + Int(length))
        if buffer.readableBytes == 0 { buffer.clear(minimumCapacity: 0) } else { buffer.discardReadBytes() }
        return content
    }
}

extension ByteBuffer {
    mutating func writeFrame(_ content: [UInt8]) {
        reserveCapacity(minimumWritableBytes: FrameReader.headerBytes + content.count)
        writeInteger(UInt32(content.count), endianness: .little)
        writeInteger(CRC32C.checksum(content), endianness: .little)
        writeBytes(content)
    }
}
