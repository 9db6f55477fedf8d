public import ApusPrimitives

/// Has a binary form, for the disk and for the network: a byte with the version of the form, then the value.
///
/// The form carries no checksum, and its length only in its own structure: whoever stores or sends it frames it. What is
/// decoded is checked so that a core that takes it cannot overflow or be handed what no core makes; whether it is true, is
/// for the protocol.
public protocol RaftCodable: Sendable {
    /// Writes the value without its version.
    func write(to writer: inout ByteWriter)

    /// Reads what `write(to:)` wrote, of version 1.
    init(reading reader: inout ByteReader) throws(ByteReader.Malformed)
}

extension RaftCodable {
    /// Appends the version and the value.
    public func encode(to writer: inout ByteWriter) {
        writer.write(RaftFormat.version)
        write(to: &writer)
    }

    public func encoded() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 64)
        encode(to: &writer)
        return writer.bytes
    }

    /// Reads one value and leaves what follows it.
    /// - Throws: `ByteReader.Malformed`, with the byte where the input stops to be what `encode(to:)` writes.
    public init(from reader: inout ByteReader) throws(ByteReader.Malformed) {
        let offset = reader.offset
        guard try reader.read(UInt8.self) == RaftFormat.version else {
            throw ByteReader.Malformed(offset: offset, expected: "version \(RaftFormat.version) of the format")
        }
        self = try Self(reading: &reader)
    }

    /// Decodes exactly what `encoded` made; bytes that follow are an error.
    /// - Throws: `ByteReader.Malformed`.
    public init(decoding bytes: ArraySlice<UInt8>) throws(ByteReader.Malformed) {
        var reader = ByteReader(bytes)
        self = try Self(from: &reader)
        guard reader.remaining == 0 else {
            throw ByteReader.Malformed(offset: reader.offset, expected: "the end")
        }
    }

    public init(decoding bytes: [UInt8]) throws(ByteReader.Malformed) {
        try self.init(decoding: bytes[...])
    }
}

enum RaftFormat {
    /// The first byte of everything encoded. A decoder refuses versions that it does not know.
    static let version: UInt8 = 1
    /// Indexes, terms and offsets are below 2^62, so that sums of two of them never overflow.
    static let numberLimit: UInt64 = 1 << 62
}
