import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGateway

@Suite struct BodyDecoderTests {
    /// Feeds `pieces` and returns the body; nil when it is not complete.
    private func decode(_ pieces: [[UInt8]], as length: BodyLength = .chunked) throws -> (body: String, rest: Int)? {
        var decoder = BodyDecoder(length)
        var input = ByteBuffer()
        var body: [UInt8] = []
        for piece in pieces {
            input.writeBytes(piece)
            while true {
                switch try decoder.next(&input) {
                case .data(let data):
                    body += Array(data.readableBytesView)
                    continue
                case .more: break
                case .end: return (String(decoding: body, as: UTF8.self), input.readableBytes)
                }
                break
            }
        }
        return nil
    }

    @Test func aBodyIsTheSameHoweverItIsCut() throws {
        let bytes = Array("4\r\nWiki\r\n5;x=\"y\"\r\npedia\r\nA \r\n0123456789\r\n0\r\nX-T: 1\r\n\r\nGET".utf8)
        for first in 0..<bytes.count {
            for second in stride(from: first, to: bytes.count, by: 7) {
                let result = try decode([
                    Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...]),
                ])
                #expect(result?.body == "Wikipedia0123456789")
            }
        }
        #expect(try decode([bytes])?.rest == 3)
        #expect(try decode(bytes.map { [$0] })?.body == "Wikipedia0123456789")
    }

    @Test(arguments: [
        "\r\n", "x\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", "1\na\r\n", "1\r\nab\r\n", "1\r\na\n", "1\r\na\rx",
        "1;a\nb\r\n", "1\rx", "FFFFFFFFFFFFFFFF\r\n", "0000000000000001\r\n", "0\r\n X: 1\r\n", "0\r\nX: \n\r\n",
        "0\r\n\rx", "1;\0\r\n", " 1\r\n",
    ])
    func malformedChunksAreRefused(text: String) {
        #expect(throws: ChunkedDecoder.Malformed.self) { try decode([Array(text.utf8)]) }
    }

    @Test func extensionsAndTrailersAreBounded() {
        let long = String(repeating: "a", count: ChunkedDecoder.maxTrailerBytes + 1)
        #expect(throws: ChunkedDecoder.Malformed.self) { try decode([Array("1;\(long)".utf8)]) }
        #expect(throws: ChunkedDecoder.Malformed.self) { try decode([Array("0\r\nX: \(long)".utf8)]) }
        let many = String(repeating: "X: 1\r\n", count: ChunkedDecoder.maxTrailerBytes)
        #expect(throws: ChunkedDecoder.Malformed.self) { try decode([Array("0\r\n\(many)".utf8)]) }
    }

    @Test func aLengthIsALength() throws {
        let result = try decode([Array("12".utf8), Array("345".utf8)], as: .bytes(4))
        #expect(result?.body == "1234")
        #expect(result?.rest == 1)
        #expect(try decode([Array("12".utf8)], as: .none)?.rest == 2)
        #expect(try decode([Array("12".utf8)], as: .untilClose) == nil)
    }
}
