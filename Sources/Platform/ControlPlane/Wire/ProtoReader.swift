import ApusPrimitives
import NIOCore

/// Reads the fields of a message one after the other; for the few requests that make up nearly all of the traffic. What it does
/// not understand it leaves to the generated messages.
struct ProtoReader {
    /// The message is not what this reader expects: somebody more patient should look at it.
    struct Unclear: Error {}

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position >= bytes.count }

    /// The number of the next field and how it is written.
    mutating func tag() throws(Unclear) -> (field: UInt64, wireType: UInt64) {
        let tag = try varint()
        return (tag >> 3, tag & 7)
    }

    mutating func varint() throws(Unclear) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard position < bytes.count else { throw Unclear() }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw Unclear()
    }

    mutating func number(_ wireType: UInt64) throws(Unclear) -> Int64 {
        guard wireType == 0 else { throw Unclear() }
        return Int64(bitPattern: try varint())
    }

    mutating func flag(_ wireType: UInt64) throws(Unclear) -> Bool {
        try number(wireType) != 0
    }

    mutating func content(_ wireType: UInt64) throws(Unclear) -> Bytes {
        guard wireType == 2 else { throw Unclear() }
        let count = try varint()
        guard count <= UInt64(bytes.count - position) else { throw Unclear() }
        defer { position += Int(count) }
        return Bytes([UInt8](bytes[position..<position + Int(count)]))
    }
}

extension ByteBuffer {
    /// Reads all fields by `read`; nil when it does not understand one.
    func readFields<Value>(
        into value: Value, _ read: (inout Value, inout ProtoReader, UInt64, UInt64) throws(ProtoReader.Unclear) -> Void
    ) -> Value? {
        withUnsafeReadableBytes { bytes in
            var reader = ProtoReader(bytes)
            var value = value
            do throws(ProtoReader.Unclear) {
                while !reader.isAtEnd {
                    let (field, wireType) = try reader.tag()
                    try read(&value, &reader, field, wireType)
                }
                return value
            } catch {
                return nil
            }
        }
    }
}
