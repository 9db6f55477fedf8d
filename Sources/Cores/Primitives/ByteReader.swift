/// Reads back what `ByteWriter` wrote, from bytes that nobody vouches for: every read checks what is left.
public struct ByteReader: Sendable {
    /// The input ended early, or a number in it cannot be.
    public struct Malformed: Error, Equatable, CustomStringConvertible {
        /// Where the value that could not be read begins, in bytes from the start.
        public let offset: Int
        public let expected: String

        public init(offset: Int, expected: String) {
            self.offset = offset
            self.expected = expected
        }

        public var description: String { "expected \(expected) at byte \(offset)" }
    }

    private let bytes: ArraySlice<UInt8>
    private var position: Int

    public init(_ bytes: [UInt8]) {
        self.init(bytes[...])
    }

    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    public var remaining: Int { bytes.endIndex - position }

    /// Bytes read so far.
    public var offset: Int { position - bytes.startIndex }

    public mutating func read<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(Malformed) -> Value {
        let width = Value.bitWidth / 8
        guard remaining >= width else { throw malformed("\(width) bytes") }
        var value: Value = 0
        for index in (0..<width).reversed() {
            value = value << 8 | Value(truncatingIfNeeded: bytes[position + index])
        }
        position += width
        return value
    }

    public mutating func readVariable(_ type: UInt64.Type = UInt64.self) throws(Malformed) -> UInt64 {
        var value: UInt64 = 0
        var index = position
        for shift in stride(from: 0, to: 70, by: 7) {
            guard index < bytes.endIndex else { throw malformed("a variable-width number") }
            let byte = bytes[index]
            index += 1
            if shift == 63, byte > 1 { throw malformed("a variable-width number of at most 64 bits") }
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte & 0x80 == 0 {
                position = index
                return value
            }
        }
        throw malformed("a variable-width number of at most 10 bytes")
    }

    public mutating func readVariable(_ type: Int64.Type) throws(Malformed) -> Int64 {
        let zigzag = try readVariable(UInt64.self)
        return Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1)
    }

    public mutating func read(raw count: Int) throws(Malformed) -> ArraySlice<UInt8> {
        guard count >= 0, remaining >= count else { throw malformed("\(count) bytes") }
        defer { position += count }
        return bytes[position..<position + count]
    }

    public mutating func readBytes() throws(Malformed) -> Bytes {
        let start = position
        let count = try readVariable(UInt64.self)
        guard count <= UInt64(remaining) else {
            position = start
            throw malformed("\(count) bytes and their length")
        }
        return Bytes(try read(raw: Int(count)))
    }

    public mutating func readString() throws(Malformed) -> String {
        try readBytes().text
    }

    private func malformed(_ expected: String) -> Malformed {
        Malformed(offset: offset, expected: expected)
    }
}
