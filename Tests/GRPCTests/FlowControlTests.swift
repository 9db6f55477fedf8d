import ApusGRPC
import ApusPrimitives
import ApusResilience
import NIOCore
import TestSupport
import Testing

/// A reader that stops makes the writer stop, with bounded memory, and does not stop the others on its connection.
@Suite struct FlowControlTests {
    private static let size = 10_000
    private let message = ByteBuffer(repeating: 1, count: size)

    /// What may be under way on a stream whose reader stopped: the window, the codec's queue, the pipe's high water, messages in
    /// hand, and 64 KiB for what is not aligned.
    private func bound(_ http2: HTTP2Configuration) -> Int {
        (http2.streamWindow + http2.streamQueueBytes + 128 * 1024) / Self.size + 4
    }

    @Test(.timeLimit(.minutes(1))) func `a client that does not read stops its server's writer`() async throws {
        let sent = Locked(0)
        let message = message
        let service = GRPCService("test.Flow") { service in
            service.stream(raw: "Flood") { _, replies, _ in
                while true {
                    try await replies.send(message)
                    sent.withLock { $0 += 1 }
                }
            }
            service.onLoop(raw: "Echo") { request, _ in request }
        }
        try await withClient([service]) { client in
            try await client.stream(raw: "test.Flow/Flood") { call in
                let count = try await settled { sent.withLock { $0 } }
                #expect(count <= bound(HTTP2Configuration()))
                // Another call on the same connection goes through.
                let echo = try await client.unary(raw: "test.Flow/Echo", message)
                #expect(echo.readableBytes == Self.size)
                // And the writer goes on when somebody reads.
                for _ in 0..<count + 50 { _ = try await call.replies.next() }
                try await eventually { sent.withLock { $0 } >= count + 50 }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a server that does not read stops its client's writer`() async throws {
        let gate = Signal<Void>()
        let received = Locked(0)
        let service = GRPCService("test.Flow") { service in
            service.stream(raw: "Sink") { requests, _, _ in
                try await gate.value
                for try await _ in requests { received.withLock { $0 += 1 } }
            }
            service.onLoop(raw: "Echo") { request, _ in request }
        }
        let total = 300
        let message = message
        try await withClient([service]) { client in
            try await client.stream(raw: "test.Flow/Sink") { call in
                let sent = Locked(0)
                async let writing: Void = {
                    for _ in 0..<total {
                        try await call.requests.send(message)
                        sent.withLock { $0 += 1 }
                    }
                    call.finishSending()
                }()
                let count = try await settled { sent.withLock { $0 } }
                #expect(count <= bound(HTTP2Configuration()))
                #expect(count < total)
                _ = try await client.unary(raw: "test.Flow/Echo", message)
                gate.send()
                try await writing
                #expect(try await call.replies.next() == nil)
                #expect(received.withLock { $0 } == total)
            }
        }
    }

    /// Messages larger than the window come through, because a reader that waits lets them.
    @Test(.timeLimit(.minutes(1)), arguments: [1, 1000, 70_000, 1_000_000])
    func `a small window carries large messages`(window: Int) async throws {
        var settings = GRPCServerSettings()
        settings.http2.streamWindow = window
        var own = GRPCClientSettings()
        own.http2.streamWindow = window
        let size = window == 1 ? 300 : 1_000_000
        let echo = GRPCService("test.Echo") { service in
            service.onLoop(raw: "Unary") { request, _ in request }
            service.stream(raw: "Stream") { requests, replies, _ in
                for try await request in requests { try await replies.send(request) }
            }
        }
        try await withClient([echo], settings: settings, client: own) { client in
            let message = ByteBuffer(repeating: 5, count: size)
            #expect(try await client.unary(raw: "test.Echo/Unary", message) == message)
            try await client.stream(raw: "test.Echo/Stream") { call in
                for _ in 0..<3 {
                    try await call.requests.send(message)
                    #expect(try await call.replies.next() == message)
                }
                // Several at once, unread for a while.
                for _ in 0..<3 { try await call.requests.send(ByteBuffer(repeating: 6, count: min(size, 10_000))) }
                call.finishSending()
                var count = 0
                while try await call.replies.next() != nil { count += 1 }
                #expect(count == 3)
            }
        }
    }

    /// Unary: a client that takes nothing from its socket is not read either; what its calls made waits for it, bounded.
    @Test(.timeLimit(.minutes(1))) func `a client that does not read its socket is not served further`() async throws {
        let answered = Locked(0)
        let service = GRPCService("test.Flow") { service in
            service.onLoop(raw: "Large") { _, _ in
                answered.withLock { $0 += 1 }
                return ByteBuffer(repeating: 0, count: 100_000)
            }
        }
        var settings = GRPCServerSettings()
        settings.http2.maxConcurrentStreams = 50
        try await withServer([service], settings: settings) { port, _ in
            let raw = try await RawConnection.connect(port: port, reads: false)
            var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + RawFrames.settings
            for number in 0..<1000 {
                bytes += RawFrames.call("/test.Flow/Large", stream: UInt32(number * 2 + 1), body: [0, 0, 0, 0, 0])
            }
            try await raw.send(bytes)
            let count = try await settled { answered.withLock { $0 } }
            // 65,535 bytes fit the connection's window, the streams that are open wait for it, and the rest was refused.
            #expect(count <= 51)
            await raw.close()
        }
    }

    /// Requests that never end are held up to a bound for the connection; the call that passes it fails, and others go on.
    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func `requests that do not end are held up to a bound`(isWhole: Bool) async throws {
        let service = GRPCService("test.Flow") { service in
            service.onLoop(raw: "Echo") { request, _ in request }
        }
        var settings = GRPCServerSettings()
        settings.maxHeldBytes = 95_000
        try await withServer([service], settings: settings) { port, _ in
            let raw = try await RawConnection.connect(port: port)
            try await raw.send(RawFrames.preface + RawFrames.settings + RawFrames.settingsAck)
            // 10,000 bytes of each request, as the beginning of a longer message or as a message without END_STREAM.
            let length = isWhole ? 10_000 - 5 : 1_000_000
            let part = [0] + RawFrames.integer(UInt32(length)) + [UInt8](repeating: 0, count: 10_000 - 5)
            for number in 0..<12 as Range<UInt32> {
                let stream = number * 2 + 1
                try await raw.send(
                    RawFrames.headers("/test.Flow/Echo", stream: stream) + RawFrames.frame(0, stream: stream, part))
            }
            // Trailers only, of the streams that came too late; the first nine are held (8 in Status.code is RESOURCE_EXHAUSTED).
            try await eventually { raw.streams(ended: true) == [19, 21, 23] }
            // One that ends makes room for another.
            try await raw.send(RawFrames.reset(1, code: 8))
            try await raw.send(RawFrames.call("/test.Flow/Echo", stream: 25, body: [0, 0, 0, 0, 1, 7]))
            try await eventually { raw.streams(ended: true).contains(25) }
            await raw.close()
        }
    }

    /// Answers behind a closed window are held up to a bound for the connection; calls beyond it are told so.
    @Test(.timeLimit(.minutes(1))) func `answers that nobody takes are held up to a bound`() async throws {
        let service = GRPCService("test.Flow") { service in
            service.onLoop(raw: "Large") { _, _ in ByteBuffer(repeating: 0, count: 100_000) }
            service.onLoop(raw: "Empty") { _, _ in ByteBuffer() }
        }
        var settings = GRPCServerSettings()
        settings.maxHeldBytes = 450_000
        try await withServer([service], settings: settings) { port, _ in
            let raw = try await RawConnection.connect(port: port)
            // The peer's initial window is 0.
            let closed = RawFrames.frame(4, [0, 4] + RawFrames.integer(0))
            try await raw.send(RawFrames.preface + closed + RawFrames.settingsAck)
            for number in 0..<8 as Range<UInt32> {
                try await raw.send(
                    RawFrames.call("/test.Flow/Large", stream: number * 2 + 1, body: [0, 0, 0, 0, 0]))
            }
            // Five answers are more than the bound: the sixth call is the first that is refused.
            try await eventually { raw.streams(ended: true) == [11, 13, 15] }
            #expect(raw.streams(ended: false).isSuperset(of: [1, 3, 5, 7, 9]))
            await raw.close()
        }
    }

    /// Unary, the other way: a server that gives no window gets what RFC 9113 allows at first, and not a byte of what waits behind it,
    /// however many calls there are; when their time is over, nothing of them is sent any more.
    @Test(.timeLimit(.minutes(1))) func `a server that gives no window stops its client's calls`() async throws {
        let fake = try await FakeServer.start(answer: [], closes: false)
        var settings = GRPCClientSettings()
        settings.drainTimeout = .milliseconds(100)
        let message = ByteBuffer(repeating: 1, count: 50_000)
        try await GRPCClient.with("127.0.0.1:\(fake.port)", settings: settings) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let error = await #expect(throws: GRPCError.self) {
                            try await client.unary(
                                raw: "x.Y/Z", message, options: GRPCCallOptions(timeout: .milliseconds(500)))
                        }
                        #expect(error?.code == .deadlineExceeded)
                    }
                }
                try await eventually { fake.dataBytes == 65_535 }
                try await group.waitForAll()
            }
            #expect(fake.calls == 20)
        }
        #expect(fake.dataBytes == 65_535)
        await fake.stop()
    }
}

extension RawConnection {
    /// The streams of which HEADERS have come, those with END_STREAM or those without.
    fileprivate func streams(ended: Bool) -> Set<UInt32> {
        Set(RawFrames.parse(received).filter { $0.type == 1 && ($0.flags & 1 == 1) == ended }.map(\.stream))
    }
}
