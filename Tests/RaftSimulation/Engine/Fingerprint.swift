/// A hash of a sequence of numbers that is the same in every process, which `Hasher` is not.
public struct Fingerprint: Hashable, Sendable {
    public private(set) var value: UInt64

    public init(_ start: UInt64 = 0) {
        value = start
    }

    @inline(__always)
    public mutating func mix(_ number: UInt64) {
        value = (value ^ number) &* 0x9E37_79B9_7F4A_7C15
        value ^= value >> 29
        value = value &* 0xBF58_476D_1CE4_E5B9
        value ^= value >> 32
    }

    public mutating func mix(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { buffer in
            mix(UInt64(buffer.count))
            var index = 0
            while index + 8 <= buffer.count {
                mix(buffer.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian)
                index += 8
            }
            while index < buffer.count {
                mix(UInt64(buffer[index]))
                index += 1
            }
        }
    }
}
