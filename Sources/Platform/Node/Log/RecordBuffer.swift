import ApusPrimitives

/// The bytes of one record after the other, in the same memory.
struct RecordBuffer {
    /// More is given back after the record that needed it.
    private static let maximumKeptBytes = 8 << 20

    /// Takes the payload.
    var writer = ByteWriter()
    private var payloadEnd: Int?

    var count: Int { writer.bytes.count }

    /// Begins a record: room for its header.
    mutating func begin() {
        writer.clear(keepingUpTo: Self.maximumKeptBytes)
        payloadEnd = nil
        for _ in 0..<LogRecord.headerBytes / 8 { writer.write(UInt64(0)) }
    }

    /// Fills up to a multiple of `alignment`, with at least one byte. A second time changes nothing.
    ///
    /// - Returns: the length of the payload.
    mutating func finish(alignment: Int) -> Int {
        let end = payloadEnd ?? count
        payloadEnd = end
        while count == end || count % alignment != 0 { writer.write(UInt8.max) }
        return end - LogRecord.headerBytes
    }

    mutating func withUnsafeMutableBytes<Value>(_ body: (UnsafeMutableRawBufferPointer) -> Value) -> Value {
        writer.withUnsafeMutableBytes(body)
    }
}
