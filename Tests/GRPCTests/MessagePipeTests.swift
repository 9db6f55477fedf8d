import ApusPrimitives
import NIOCore
import TestSupport
import Testing

@testable import ApusGRPC

/// A pipe between a peer that keeps to its window and a reader: nothing is lost, and the peer is never left without a window while
/// the reader is left without a message.
@Suite struct MessagePipeTests {
    private final class Port: MessagePort {
        private let consumed = Locked(0)

        func postOutgoing() {}
        func postConsumed(_ bytes: Int) { consumed.withLock { $0 += bytes } }

        func take() -> Int {
            consumed.withLock { consumed in
                defer { consumed = 0 }
                return consumed
            }
        }
    }

    /// The peer's side: what it has still to send, and what its window allows.
    private struct Sender {
        let wire: [UInt8]
        var sent = 0
        var window: Int
        var decoder = MessageDecoder(limit: .max)

        init(_ messages: [[UInt8]], window: Int) {
            wire = messages.flatMap { [0] + RawFrames.integer(UInt32($0.count)) + $0 }
            self.window = window
        }

        var maySend: Bool { sent < wire.count && window > 0 }

        mutating func send(to pipe: MessagePipe, _ random: inout SeededRandom) throws {
            let count = 1 + random.below(min(window, wire.count - sent))
            decoder.append(ByteBuffer(bytes: wire[sent..<sent + count]))
            sent += count
            window -= count
            window += try pipe.feed(&decoder, count)
        }
    }

    private func history(_ random: inout SeededRandom) -> (messages: [[UInt8]], window: Int) {
        let window = [1, 7, 100, 5000].randomElement(using: &random)!
        let messages = (0..<random.below(20)).map { number in
            [UInt8](repeating: UInt8(number), count: random.below(min(window * 3, 6000)))
        }
        return (messages, window)
    }

    @Test(.timeLimit(.minutes(1))) func `a reader that comes when it likes gets every message`() async throws {
        for seed in 1...300 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            let (messages, window) = history(&random)
            let port = Port()
            let pipe = MessagePipe(port: port, window: window)
            var sender = Sender(messages, window: window)
            var read = 0
            while read < messages.count {
                sender.window += port.take()
                #expect((0...window).contains(sender.window), "seed \(seed)")
                let waits = pipe.state.withLock { $0.incoming.isEmpty }
                if sender.maySend, waits || random.below(3) > 0 {
                    try sender.send(to: pipe, &random)
                } else {
                    try #require(!waits, "seed \(seed): nobody can go on")
                    let message = try #require(try await pipe.next())
                    #expect(Array(message.readableBytesView) == messages[read], "seed \(seed)")
                    read += 1
                }
            }
            #expect(sender.sent == sender.wire.count)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a reader that waits for each message gets every one`() async throws {
        for seed in 1...100 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            let (messages, window) = history(&random)
            let port = Port()
            let pipe = MessagePipe(port: port, window: window)
            let reader = Task {
                var seen: [[UInt8]] = []
                while let message = try await pipe.next() { seen.append(Array(message.readableBytesView)) }
                return seen
            }
            var sender = Sender(messages, window: window)
            while sender.sent < sender.wire.count {
                sender.window += port.take()
                // The reader has a thread of its own, and gives back in its own time.
                if sender.maySend { try sender.send(to: pipe, &random) } else { await Task.yield() }
            }
            pipe.receivedEnd(.success(()))
            let seen = try await reader.value
            #expect(seen == messages, "seed \(seed)")
        }
    }

    /// What waits is a slice of what was read: a small one must not keep a large buffer alive, nor many each a buffer of their own.
    @Test func `messages that wait hold little more than themselves`() throws {
        for (size, piece) in [
            (0, 5), (1, 6), (10, 100), (100, 105), (1000, 16_384), (16_000, 16_384), (50_000, 16_384),
        ] {
            let pipe = MessagePipe(port: Port(), window: 1 << 20)
            var decoder = MessageDecoder(limit: .max)
            let wire = (0..<(200_000 / (size + 5) + 1)).flatMap { _ in
                [0] + RawFrames.integer(UInt32(size)) + [UInt8](repeating: 1, count: size)
            }
            for start in stride(from: 0, to: wire.count, by: piece) {
                // As a channel reads: more room than bytes.
                var read = ByteBuffer()
                read.reserveCapacity(65_536)
                read.writeBytes(wire[start..<min(start + piece, wire.count)])
                decoder.append(read)
                _ = try pipe.feed(&decoder, read.readableBytes)
            }
            let waiting = pipe.state.withLock { $0.incoming.map(\.message) }
            #expect(waiting.count > 3)
            // At worst a piece, each of whose messages is counted here as if its storage were its own, has sixteen times its size.
            let perPiece = max(1, piece / (size + 5))
            let held = waiting.reduce(0) { $0 + $1.storageCapacity } / perPiece
            #expect(held <= MessagePipe.storageRatio * wire.count, "\(size) in pieces of \(piece): \(held)")
            if size >= piece { #expect(held <= 4 * wire.count, "\(size) in pieces of \(piece): \(held)") }
        }
    }

    /// Writers that wait are let go in turn, by room, by the end or by their own cancellation, and each exactly once.
    @Test(.timeLimit(.minutes(1))) func `writers wait while there is no room`() async throws {
        let pipe = MessagePipe(port: Port(), window: 1000)
        let half = ByteBuffer(repeating: 1, count: MessagePipe.highWaterBytes / 2)
        let done = Locked(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    try await pipe.send(half, isCompressed: false)
                    done.withLock { $0 += 1 }
                }
            }
            // The second passes the mark; those after it wait as well.
            try await eventually { pipe.state.withLock { $0.writers.count } == 5 }
            #expect(pipe.takeOutgoing().count == 6)
            pipe.sent(isFull: true)
            #expect(done.withLock { $0 } == 1)
            #expect(pipe.takeOutgoing().isEmpty)
            pipe.sent(isFull: false)
            try await group.waitForAll()
            #expect(done.withLock { $0 } == 6)
        }
        for ends in [true, false] {
            let pipe = MessagePipe(port: Port(), window: 1000)
            let writer = Task { try await pipe.send(ByteBuffer(repeating: 1, count: 100_000), isCompressed: false) }
            try await eventually { pipe.state.withLock { $0.writers.count } == 1 }
            if ends { pipe.failed(GRPCError(.unavailable, "lost", reach: .unknown)) } else { writer.cancel() }
            await #expect(throws: (any Error).self) { try await writer.value }
            #expect(pipe.state.withLock { $0.writers.isEmpty })
        }
    }
}
