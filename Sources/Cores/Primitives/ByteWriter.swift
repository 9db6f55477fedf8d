/// Appends numbers and bytes to an array: little-endian fixed widths, LEB128 variable widths, length-prefixed bytes.
public struct ByteWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init(reservingCapacity capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    /// Begins anew, in the same memory when it is no more than `maximumCapacity` bytes.
    public mutating func clear(keepingUpTo maximumCapacity: Int) {
        if bytes.capacity > maximumCapacity { bytes = [] } else { bytes.removeAll(keepingCapacity: true) }
    }

    /// For what can only be written when the rest is known: a length, a checksum.
    public mutating func withUnsafeMutableBytes<Result>(_ body: (UnsafeMutableRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeMutableBytes { body($0) }
    }

    public mutating func write(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Seven bits a byte, lowest first: 1 to 10 bytes.
    public mutating func writeVariable(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Small magnitudes of either sign stay short (zigzag).
    public mutating func writeVariable(_ value: Int64) {
        writeVariable(UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    /// The bytes without their length.
    public mutating func write(raw content: some Collection<UInt8>) {
        bytes.append(contentsOf: content)
    }

    /// The variable-width length, then the bytes.
    public mutating func write(_ content: Bytes) {
        writeVariable(UInt64(content.count))
        bytes.append(contentsOf: content.array)
    }

    public mutating func write(_ text: String) {
        write(Bytes(text))
    }
}
