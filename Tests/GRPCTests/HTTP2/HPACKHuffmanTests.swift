import ApusPrimitives
import Testing

@testable import ApusGRPC

struct HPACKHuffmanTests {
    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        bytes.withUnsafeBytes { bytes in
            [UInt8](unsafeUninitializedCapacity: HPACKHuffman.encodedCount(bytes) + 1) { buffer, count in
                count = HPACKHuffman.encode(bytes, into: UnsafeMutableRawPointer(buffer.baseAddress!))
            }
        }
    }

    static func decode(_ bytes: [UInt8]) -> [UInt8]? {
        var decoded: Int?
        let output = bytes.withUnsafeBytes { bytes in
            [UInt8](unsafeUninitializedCapacity: HPACKHuffman.decodedBound(bytes.count)) { buffer, count in
                decoded = HPACKHuffman.decode(bytes, into: UnsafeMutableRawPointer(buffer.baseAddress!))
                count = decoded ?? 0
            }
        }
        return decoded == nil ? nil : output
    }

    /// Bit by bit through the list of codes: slow, and plainly what section 5.2 says.
    static func decodeNaively(_ bytes: [UInt8]) -> [UInt8]? {
        let code = HPACKHuffmanCode.standard
        var symbols: [[UInt32]: Int] = [:]
        for symbol in 0...256 { symbols[[code.codes[symbol], UInt32(code.lengths[symbol])]] = symbol }
        var (output, value, length) = ([UInt8](), UInt32(0), UInt32(0))
        for byte in bytes {
            for bit in (0..<8).reversed() {
                value = value << 1 | UInt32(byte >> UInt8(bit) & 1)
                length += 1
                guard let symbol = symbols[[value, length]] else { continue }
                guard symbol < 256 else { return nil }
                output.append(UInt8(symbol))
                (value, length) = (0, 0)
            }
        }
        return length < 8 && value == 1 << length - 1 ? output : nil
    }

    @Test func everyByteComesBack() {
        for byte in UInt8.min...UInt8.max {
            #expect(Self.decode(Self.encode([byte])) == [byte])
            #expect(Self.decode(Self.encode([byte, byte, byte])) == [byte, byte, byte])
        }
        #expect(Self.decode([]) == [])
    }

    @Test func randomStringsComeBack() {
        var random = SeededRandom(seed: 1)
        for _ in 0..<2_000 {
            let isText = random.chance(50)
            let bytes = random.bytes(random.below(60)).map { isText ? 0x20 + $0 % 0x5F : $0 }
            #expect(Self.decode(Self.encode(bytes)) == bytes)
        }
    }

    @Test func randomBitsAreReadAsTheListOfCodesSays() {
        var random = SeededRandom(seed: 2)
        var accepted = 0
        for round in 0..<6_000 {
            var bytes = random.bytes(1 + random.below(6))
            if round % 3 == 0 { bytes = Self.encode(bytes.map { $0 & 0x7F }) + (round % 2 == 0 ? [] : [0xFF]) }
            let expected = Self.decodeNaively(bytes)
            accepted += expected == nil ? 0 : 1
            #expect(Self.decode(bytes) == expected, "\(bytes.hex)")
        }
        #expect(accepted > 1_000)
    }

    @Test("5.2: a padding longer than 7 bits, not of ones, and EOS are errors")
    func refusesBadPadding() {
        #expect(Self.decode([0xFF]) == nil)
        #expect(Self.decode(Self.encode(Array("a".utf8)) + [0xFF]) == nil)
        // "a" is 00011, followed by zeros instead of ones.
        #expect(Self.decode([0b0001_1000]) == nil)
        #expect(Self.decode([0b0001_1111]) == Array("a".utf8))
        // EOS is thirty ones.
        #expect(Self.decode([0xFF, 0xFF, 0xFF, 0xFF]) == nil)
        #expect(Self.decode([0b0001_1111, 0xFF, 0xFF, 0xFF, 0xFF]) == nil)
    }
}
