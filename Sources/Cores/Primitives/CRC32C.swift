/// The Castagnoli checksum (RFC 3720, appendix B.4), as etcd, Kafka and iSCSI use it against damage on disk.
public struct CRC32C: Sendable {
    private var state: UInt32 = ~0

    public init() {}

    /// The checksum of all bytes so far.
    public var value: UInt32 { ~state }

    public mutating func update(_ bytes: some Sequence<UInt8>) {
        let updated = bytes.withContiguousStorageIfAvailable { Self.fold($0, into: state) }
        state = updated ?? bytes.reduce(state) { Self.step($0, $1) }
    }

    public static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var crc = CRC32C()
        crc.update(bytes)
        return crc.value
    }

    private static func fold(_ bytes: UnsafeBufferPointer<UInt8>, into start: UInt32) -> UInt32 {
        var state = start
        var index = 0
        // Eight bytes a step (Intel's "slicing by 8"): eight times fewer dependent look-ups than byte by byte.
        while index + 8 <= bytes.count {
            var chunk: UInt64 = 0
            for offset in (0..<8).reversed() { chunk = chunk << 8 | UInt64(bytes[index + offset]) }
            chunk ^= UInt64(state)
            state = 0
            for lane in 0..<8 {
                state ^= tables[(7 - lane) << 8 | Int(chunk >> UInt64(lane << 3) & 0xFF)]
            }
            index += 8
        }
        while index < bytes.count {
            state = step(state, bytes[index])
            index += 1
        }
        return state
    }

    private static func step(_ state: UInt32, _ byte: UInt8) -> UInt32 {
        tables[Int((state ^ UInt32(byte)) & 0xFF)] ^ state >> 8
    }

    /// Eight tables of 256: table `k` advances a byte by `k` further zero bytes.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var entry = UInt32(byte)
            for _ in 0..<8 { entry = entry & 1 == 1 ? entry >> 1 ^ 0x82F6_3B78 : entry >> 1 }
            tables[byte] = entry
        }
        for index in 256..<tables.count {
            let before = tables[index - 256]
            tables[index] = tables[Int(before & 0xFF)] ^ before >> 8
        }
        return tables
    }()
}
