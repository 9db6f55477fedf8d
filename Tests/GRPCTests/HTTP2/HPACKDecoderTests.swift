import ApusPrimitives
import Testing

@testable import ApusGRPC

struct HPACKDecoderTests {
    /// What h2spec's cases for RFC 7541 send, and more of the kind.
    @Test(
        arguments: [
            ("2.3.3 an index beyond both tables", "be"), ("2.3.3 a name index beyond both tables", "7f01 01 61"),
            ("6.1 index 0", "80"), ("5.1 an integer that does not end", "ff"),
            ("5.1 an integer above 32 bits", "ff ff ff ff ff ff 0f"),
            ("5.1 an integer of many zeros", "ff 80 80 80 80 80 80 00"),
            ("5.2 a string longer than the block", "00 03 61 62"),
            ("5.2 a value that is missing", "40 01 61"), ("5.2 a padding longer than 7 bits", "00 01 61 82 1f ff"),
            ("5.2 a padding of zeros", "00 01 61 81 18"), ("5.2 EOS in a string", "00 01 61 84 ff ff ff ff"),
            ("6.3 a table size above the limit", "3f e2 1f"), ("4.2 a table size update after a field", "82 20"),
        ])
    func refuses(_ what: String, _ hex: String) {
        #expect(throws: HPACKDecoder.Failure.self, "\(what)") { _ = try TestDecoder().decode(hex: hex) }
    }

    @Test("4.1, 4.4: an entry larger than the table empties it, and is no error")
    func largeEntryEmptiesTheTable() throws {
        let decoder = TestDecoder(maxTableSize: 64)
        _ = try decoder.decode(hex: "40 01 61 01 62")
        #expect(decoder.tableCount == 1)
        let long = [0x40, 0x01, 0x61, 0x40] + [UInt8](repeating: 0x62, count: 64)
        #expect(try decoder.decode(long).count == 1)
        #expect(decoder.tableCount == 0 && decoder.tableBytes == 0)
    }

    @Test("4.4: the name of a new entry may be that of the entry which it evicts")
    func nameOfEvictedEntry() throws {
        let decoder = TestDecoder(maxTableSize: 40)
        _ = try decoder.decode(hex: "40 03 616263 01 62")
        #expect(try decoder.decode(hex: "7e 02 6363") == ["abc: cc"])
        #expect(try decoder.decode(hex: "be") == ["abc: cc"])
    }

    @Test("4.2: after the limit was lowered, the next block begins with an update")
    func loweredLimit() throws {
        let decoder = TestDecoder()
        _ = try decoder.decode(hex: "40 01 61 01 62")
        decoder.setSizeLimit(0)
        #expect(throws: HPACKDecoder.Failure.self) { _ = try decoder.decode(hex: "82") }
        #expect(try decoder.decode(hex: "20 82") == [":method: GET"])
        #expect(decoder.tableCount == 0)
        #expect(try decoder.decode(hex: "82") == [":method: GET"])
    }

    @Test func listsAreCutAtTheirLimits() throws {
        let decoder = TestDecoder()
        decoder.maxListBytes = 200
        let field = [UInt8](hex: "00 01 61 01 62")
        _ = try decoder.decode(Array(repeating: field, count: 5).flatMap { $0 })
        #expect(!decoder.rules.isTooLong && decoder.last.count == 5)
        _ = try decoder.decode(Array(repeating: field, count: 6).flatMap { $0 })
        #expect(decoder.rules.isTooLong)
        decoder.maxListBytes = 100_000
        decoder.maxFields = 5
        _ = try decoder.decode(Array(repeating: field, count: 6).flatMap { $0 })
        #expect(decoder.rules.isTooLong)
    }

    @Test("A bomb: one large entry, named by an index again and again")
    func bomb() throws {
        let decoder = TestDecoder()
        decoder.maxListBytes = 16_384
        let value = [UInt8](repeating: 0x61, count: 4_000)
        let large = [0x40, 0x01, 0x78, 0x7F, 0xA1, 0x1E] + value
        #expect(try decoder.decode(large).count == 1)
        #expect(throws: HPACKDecoder.Failure.self) {
            _ = try decoder.decode([UInt8](repeating: 0xBE, count: 16_000))
        }
        #expect(decoder.last.listBytes <= 16_384 + 4_096)
    }

    @Test func randomTablesAreThoseOfANaiveModel() throws {
        for seed in UInt64(0)..<40 {
            var random = SeededRandom(seed: seed)
            let limit = [0, 60, 200, 1_000, 4_096][random.below(5)]
            let decoder = TestDecoder(maxTableSize: limit)
            var (model, maxSize): ([(String, String)], Int) = ([], limit)
            func evict() {
                while model.reduce(0, { $0 + $1.0.utf8.count + $1.1.utf8.count + 32 }) > maxSize { model.removeLast() }
            }
            for _ in 0..<200 {
                var (block, expected) = ([UInt8](), [String]())
                if random.chance(5) {
                    maxSize = random.below(limit + 1)
                    block += Self.integer(maxSize, 5, 0x20)
                    evict()
                }
                for _ in 0..<random.below(4) {
                    if !model.isEmpty, random.chance(40) {
                        let index = random.below(model.count)
                        block += Self.integer(62 + index, 7, 0x80)
                        expected.append("\(model[index].0): \(model[index].1)")
                        continue
                    }
                    let named = model.isEmpty || random.chance(50) ? nil : random.below(model.count)
                    let name = named.map { model[$0].0 } ?? random.word(1 + random.below(12))
                    let value = random.word(random.below(random.chance(5) ? 300 : 20))
                    let isIndexed = random.chance(70)
                    block += Self.integer(named.map { 62 + $0 } ?? 0, isIndexed ? 6 : 4, isIndexed ? 0x40 : 0)
                    if named == nil { block += Self.string(name, random.chance(50)) }
                    block += Self.string(value, random.chance(50))
                    expected.append("\(name): \(value)")
                    guard isIndexed else { continue }
                    model.insert((name, value), at: 0)
                    evict()
                }
                let fields = try decoder.decode(block)
                try #require(fields == expected, "seed \(seed)")
                try #require(decoder.tableCount == model.count, "seed \(seed)")
            }
        }
    }

    static func integer(_ value: Int, _ bits: Int, _ pattern: UInt8) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: HPACKInteger.maxBytes) { buffer, count in
            count = HPACKInteger.encode(
                value, prefixBits: bits, pattern: pattern, into: UnsafeMutableRawPointer(buffer.baseAddress!))
        }
    }

    static func string(_ text: String, _ isCoded: Bool) -> [UInt8] {
        let bytes = isCoded ? HPACKHuffmanTests.encode(Array(text.utf8)) : Array(text.utf8)
        return integer(bytes.count, 7, isCoded ? 0x80 : 0) + bytes
    }

    @Test("C.1: integers, and every length of them")
    func integers() throws {
        #expect(Self.integer(10, 5, 0) == [0x0A])
        #expect(Self.integer(1_337, 5, 0) == [0x1F, 0x9A, 0x0A])
        #expect(Self.integer(42, 8, 0) == [0x2A])
        for bits in 4...7 {
            for value in [0, 1, 14, 15, 16, 126, 127, 128, 255, 256, 16_383, 16_384, 1 << 28, Int(UInt32.max)] {
                let coded = Self.integer(value, bits, 0)
                var position = 0
                let decoded = coded.withUnsafeBytes { HPACKInteger.decode($0, &position, prefixBits: bits) }
                #expect(decoded == value && position == coded.count)
            }
        }
    }
}
