import ApusPrimitives
import NIOCore
import TestSupport
import Testing

@testable import ApusGRPC

@Suite struct SendQueueTests {
    /// What is moved out is what was put in, wherever pieces and frames end; a frame may take all that there is.
    @Test func `bytes leave in the order in which they came, and none is lost`() {
        for seed in 1...200 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            var queue = HTTP2SendQueue()
            var expected: [UInt8] = []
            var output = ByteBuffer()
            for step in 0..<60 {
                if Bool.random(using: &random) {
                    let size = [0, 5, 100, 4_096, 4_097, 10_000].randomElement(using: &random)!
                    let message = ByteBuffer(repeating: UInt8(step), count: size)
                    queue.append(message: message, compressed: false)
                    expected += [0] + RawFrames.integer(UInt32(size)) + message.readableBytesView
                }
                guard !queue.isEmpty else { continue }
                queue.move(
                    Bool.random(using: &random) ? queue.count : Int.random(in: 1...queue.count, using: &random),
                    to: &output)
            }
            if !queue.isEmpty { queue.move(queue.count, to: &output) }
            #expect(Array(output.readableBytesView) == expected, "seed \(seed)")
        }
    }
}
