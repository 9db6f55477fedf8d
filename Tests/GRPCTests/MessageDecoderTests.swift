import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

@Suite struct MessageDecoderTests {
    private func wire(_ bytes: [UInt8], flag: UInt8 = 0) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeMultipleIntegers(flag, UInt32(bytes.count))
        buffer.writeBytes(bytes)
        return buffer
    }

    @Test func `messages come back however they are cut`() throws {
        for seed in 1...200 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            var all = ByteBuffer()
            var sent: [[UInt8]] = []
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                if Bool.random(using: &random) {
                    all.writeImmutableBuffer(
                        wire(Array(try Gzip.compress(ByteBuffer(bytes: bytes)).readableBytesView), flag: 1))
                } else {
                    all.writeImmutableBuffer(wire(bytes))
                }
                sent.append(bytes)
            }
            var decoder = MessageDecoder(limit: 1000)
            decoder.encoding = .gzip
            var received: [[UInt8]] = []
            while all.readableBytes > 0 {
                decoder.append(all.readSlice(length: min(Int.random(in: 0...100, using: &random), all.readableBytes))!)
                while let message = try decoder.next() { received.append(Array(message.readableBytesView)) }
            }
            #expect(received == sent, "seed \(seed)")
            #expect(decoder.pendingBytes == 0)
        }
    }

    @Test func `a message above the limit is refused by its length, before its bytes come`() {
        var decoder = MessageDecoder(limit: 10)
        var prefix = wire([UInt8](repeating: 0, count: 11))
        decoder.append(prefix.readSlice(length: 5)!)
        #expect(throws: GRPCError.self) { try decoder.next() }
        decoder = MessageDecoder(limit: 10)
        decoder.append(wire([UInt8](repeating: 0, count: 10)))
        #expect(throws: Never.self) { try decoder.next() }
    }

    @Test func `bytes that grow beyond the limit are not made`() throws {
        let bomb = try Gzip.compress(ByteBuffer(repeating: 0, count: 10_000_000))
        let error = #expect(throws: GRPCError.self) { try Gzip.decompress(bomb, limit: 1000) }
        #expect(error?.code == .resourceExhausted)
        #expect(
            try Gzip.decompress(Gzip.compress(ByteBuffer(repeating: 1, count: 1000)), limit: 1000).readableBytes == 1000
        )
        #expect(try Gzip.decompress(Gzip.compress(ByteBuffer()), limit: 1000).readableBytes == 0)
    }

    @Test func `what is not gzip, has a bad flag, or no encoding is refused`() {
        for (bytes, flag, encoding) in [
            ([1, 2, 3], 1, MessageEncoding.gzip), ([], 1, .gzip), ([1], 2, .identity), ([1], 1, .identity),
        ] as [([UInt8], UInt8, MessageEncoding)] {
            var decoder = MessageDecoder(limit: 100)
            decoder.encoding = encoding
            decoder.append(wire(bytes, flag: flag))
            let error = #expect(throws: GRPCError.self) { try decoder.next() }
            #expect(error?.code == .internalError)
        }
    }

    @Test func `a cut or lengthened gzip is refused`() throws {
        let good = Array(try Gzip.compress(ByteBuffer(repeating: 3, count: 500)).readableBytesView)
        for count in 0..<good.count {
            #expect(throws: GRPCError.self) { try Gzip.decompress(ByteBuffer(bytes: good.prefix(count)), limit: 1000) }
        }
        #expect(throws: GRPCError.self) { try Gzip.decompress(ByteBuffer(bytes: good + [0]), limit: 1000) }
    }
}
