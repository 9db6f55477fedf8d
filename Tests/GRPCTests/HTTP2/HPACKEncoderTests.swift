import ApusPrimitives
import Testing

@testable import ApusGRPC

struct HPACKEncoderTests {
    @Test func whatIsIndexedTakesAByteTheSecondTime() throws {
        var encoder = HPACKEncoder()
        let decoder = TestDecoder()
        #expect(try decoder.decode(encoder.block(.request)) == HTTP2Headers.request.list)
        let generation = encoder.generation
        let second = encoder.block(.request)
        #expect(second.count == HTTP2Headers.request.count)
        #expect(try decoder.decode(second) == HTTP2Headers.request.list)
        #expect(encoder.generation == generation)
    }

    @Test("7.1: secrets are never indexed, by anybody")
    func neverIndexed() throws {
        var encoder = HPACKEncoder()
        let decoder = TestDecoder()
        let block = encoder.block(HTTP2Headers([("authorization", "Bearer x"), ("x-key", "k")], indexing: .never))
        #expect(block[0] & 0xF0 == 0x10)
        #expect(try decoder.decode(block) == ["authorization: Bearer x", "x-key: k"])
        #expect(decoder.tableCount == 0)
        #expect((0..<2).allSatisfy { decoder.last.field($0).indexing == .never })
    }

    @Test func aFullTableKeepsWhatItHas() throws {
        var encoder = HPACKEncoder()
        let decoder = TestDecoder()
        _ = try decoder.decode(encoder.block(.request))
        for number in 0..<500 {
            let headers = HTTP2Headers([("x-field", "value \(number)")])
            #expect(try decoder.decode(encoder.block(headers)) == headers.list)
            try #require(decoder.tableBytes <= HPACKEncoder.tableBytes)
        }
        // Two of the seven are in the static table; indices above 126 take two bytes.
        #expect(encoder.block(.request).count == 2 + 5 * 2)
    }

    @Test("4.2: a peer that lowers and raises its table between blocks is told both sizes")
    func tableSizeUpdates() throws {
        var encoder = HPACKEncoder()
        let decoder = TestDecoder()
        _ = try decoder.decode(encoder.block(.request))
        encoder.setPeerLimit(0)
        encoder.setPeerLimit(4_096)
        let block = encoder.block(.response)
        #expect(Array(block.prefix(4)) == [0x20, 0x3F, 0xE1, 0x1F])
        #expect(try decoder.decode(block) == HTTP2Headers.response.list)
        encoder.setPeerLimit(0)
        decoder.setSizeLimit(0)
        #expect(try decoder.decode(encoder.block(.request)) == HTTP2Headers.request.list)
        #expect(try decoder.decode(encoder.block(.request)) == HTTP2Headers.request.list)
        #expect(decoder.tableCount == 0)
    }

    @Test func randomListsComeBack() throws {
        for seed in UInt64(0)..<30 {
            var random = SeededRandom(seed: seed)
            var encoder = HPACKEncoder()
            let decoder = TestDecoder()
            let words = (0..<30).map { _ in random.word(1 + random.below(20)) }
            for _ in 0..<100 {
                if random.chance(5) {
                    let limit = random.chance(50) ? random.below(5_000) : 4_096
                    encoder.setPeerLimit(limit)
                }
                var headers = HTTP2Headers()
                for _ in 0..<random.below(8) {
                    let known = HTTP2Name.allCases[random.below(HTTP2Name.allCases.count)]
                    let name = known == .other || random.chance(50) ? words[random.below(30)] : "\(known.text)"
                    let value = random.chance(60) ? words[random.below(30)] : random.word(random.below(40))
                    let indexing = HTTP2Headers.Indexing(rawValue: UInt8(random.below(3)))!
                    headers.append(name: name, value: value, indexing: indexing)
                }
                try #require(try decoder.decode(encoder.block(headers)) == headers.list, "seed \(seed)")
            }
        }
    }
}
