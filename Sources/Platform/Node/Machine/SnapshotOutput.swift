public import ApusPrimitives

/// Where a state machine writes its snapshot: in pieces with checksums, so that neither the whole of it is in memory nor
/// damage is ever restored.
public struct SnapshotOutput {
    /// The content of one piece.
    static let pieceBytes = 64 << 10

    private var buffer = ByteWriter()
    private let sink: ([UInt8]) throws -> Void
    /// Of content, without the frames of the pieces.
    public private(set) var bytesWritten: UInt64 = 0

    init(sink: @escaping ([UInt8]) throws -> Void) {
        self.sink = sink
        buffer = ByteWriter(reservingCapacity: Self.pieceBytes)
    }

    /// The bytes without their number.
    public mutating func write(raw bytes: some Collection<UInt8>) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(Self.pieceBytes - buffer.bytes.count)
            buffer.write(raw: part)
            rest = rest.dropFirst(part.count)
            if buffer.bytes.count >= Self.pieceBytes { try flush() }
        }
    }

    /// The number of bytes, then the bytes.
    public mutating func write(_ bytes: Bytes) throws {
        try write(UInt64(bytes.count))
        try write(raw: bytes.array)
    }

    /// In 1 to 10 bytes.
    public mutating func write(_ number: UInt64) throws {
        var writer = ByteWriter()
        writer.writeVariable(number)
        try write(raw: writer.bytes)
    }

    private mutating func flush() throws {
        guard !buffer.bytes.isEmpty else { return }
        bytesWritten += UInt64(buffer.bytes.count)
        var frame = ByteWriter(reservingCapacity: buffer.bytes.count + 8)
        frame.write(UInt32(buffer.bytes.count))
        frame.write(CRC32C.checksum(buffer.bytes))
        frame.write(raw: buffer.bytes)
        buffer = ByteWriter(reservingCapacity: Self.pieceBytes)
        try sink(frame.bytes)
    }

    /// Writes what is left and the end, which tells a whole snapshot from one that was cut off between two pieces.
    mutating func finish() throws {
        try flush()
        var end = ByteWriter()
        end.write(0 as UInt32)
        end.write(bytesWritten)
        try sink(end.bytes)
    }
}
