import ApusCoordination
import ApusPrimitives
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import ApusGateway

@Suite struct FlowTests {
    @Test func aSlowReaderCostsBoundedMemory() async throws {
        let piece = ByteBuffer(repeating: 7, count: 1 << 16)
        let size = 4000 * piece.readableBytes  // 250 MiB, more than all socket buffers together
        let server = try await ScriptedServer.start { _ in
            var reply = Reply.raw("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            reply.flood = (piece, 4000)
            return reply
        }
        try await Harness.run(servers: [server]) { harness in
            let connection = try await harness.connect(reads: false)
            try await connection.send("GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually(within: .seconds(30)) { await harness.gateway.snapshot().peakBuffered > 0 }
            let last = try await halted { server.flooded }
            #expect(last < size / 2)
            let settings = GatewaySettings()
            let bound = settings.highWaterBytes + 2 * Worker.readBytes + Output.maxPending
            let peak = await harness.gateway.snapshot().peakBuffered
            #expect(peak <= bound, "\(peak)")
            await connection.close()
            try await harness.expectQuiet()
        }
    }

    @Test func aSlowServiceHoldsTheClientBack() async throws {
        // Reads nothing: its handler is never asked for more than the first bytes.
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port ?? 0
        // Long enough for the client to come to a halt before.
        try await Harness.run(
            routes: [GatewayRoute(.prefix("/api"), to: "api", timeout: .seconds(6))],
            changing: { $0.maxBodyBytes = 1 << 30 }
        ) { harness in
            harness.set([ServiceInstance(service: "api", id: "one", host: "127.0.0.1", port: port)])
            let connection = try await harness.connect()
            try await connection.send("POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: \(1 << 28)\r\n\r\n")
            let piece = [UInt8](repeating: 7, count: 1 << 20)
            let sent = Locked(0)
            let sender = Task {
                for _ in 0..<256 {
                    try await connection.send(piece)
                    sent.withLock { $0 += piece.count }
                }
            }
            // The service is the one that is late, so this is no 408.
            #expect(try await connection.response(within: .seconds(30)).status == 504)
            #expect(sent.withLock { $0 } < 1 << 27, "the client was held back")
            let settings = GatewaySettings()
            let bound = settings.highWaterBytes + settings.maxReplayBytes + 2 * Worker.readBytes + Output.maxPending
            let peak = await harness.gateway.snapshot().peakBuffered
            #expect(peak > 0 && peak <= bound, "\(peak)")
            sender.cancel()
            await connection.close()
            _ = try? await sender.value
            try await harness.expectQuiet()
        }
        try await channel.close()
    }

    @Test func whatAClientSendsAheadIsBounded() async throws {
        let server = try await ScriptedServer.start { _ in .silence }
        try await Harness.run(servers: [server]) { harness in
            let connection = try await harness.connect()
            let requests = Array(String(repeating: "GET /api HTTP/1.1\r\nHost: a\r\n\r\n", count: 4000).utf8)
            let pieces = (64 << 20) / requests.count  // more than all socket buffers together
            let sent = Locked(0)
            let sender = Task {
                for _ in 0..<pieces {
                    try await connection.send(requests)
                    sent.withLock { $0 += 1 }
                }
            }
            try await eventually { server.requests.count == 1 }
            #expect(try await halted { sent.withLock { $0 } } < pieces / 2)
            await connection.close()
            _ = try? await sender.value
            #expect(server.requests.count == 1, "one at a time")
            try await harness.expectQuiet()
        }
    }

    /// A client that needs longer for the end of its response than the gateway waits for its next request, or for what it
    /// still sends after the last one, gets all of it.
    @Test(arguments: ["keep-alive", "close"])
    func aSlowReaderGetsTheWholeResponse(connection: String) async throws {
        let piece = ByteBuffer(string: String(repeating: "a", count: (1 << 16) - 3) + "end")
        let size = 32 * piece.readableBytes
        let server = try await ScriptedServer.start { _ in
            var reply = Reply.raw("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
            reply.flood = (piece, 32)
            return reply
        }
        try await Harness.run(
            servers: [server],
            changing: {
                $0.idleTimeout = .milliseconds(1)
                $0.lingerTimeout = .milliseconds(1)
            }
        ) { harness in
            let client = try await SlowClient.connect(port: harness.port)
            try await client.send("GET /api HTTP/1.1\r\nHost: a\r\nConnection: \(connection)\r\n\r\n")
            try await eventually(within: .seconds(30)) {
                client.readSome()
                return client.isClosed
            }
            #expect(client.received > size)
            #expect(client.ends(with: "end"))
            await client.close()
            try await harness.expectQuiet()
        }
    }

    @Test func aReaderThatTakesNothingMoreIsGivenUp() async throws {
        let piece = ByteBuffer(repeating: 7, count: 1 << 16)
        let server = try await ScriptedServer.start { _ in
            var reply = Reply.raw("HTTP/1.1 200 OK\r\nContent-Length: \(1000 << 16)\r\n\r\n")
            reply.flood = (piece, 1000)
            return reply
        }
        try await Harness.run(servers: [server], changing: { $0.stallTimeout = .milliseconds(300) }) { harness in
            let client = try await SlowClient.connect(port: harness.port)
            try await client.send("GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { await harness.gateway.snapshot().peakBuffered > 0 }
            try await harness.expectQuiet()
            try await eventually { server.openConnections == 0 }
            await client.close()
        }
    }

    @Test func movingMeansThatSomethingIsTaken() {
        var watch = UnsentWatch()
        func isMoving(_ unsent: Int, _ seconds: Int) -> Bool {
            watch.isMoving(unsent, at: .uptimeNanoseconds(0) + .seconds(Int64(seconds)), within: .seconds(10))
        }
        #expect(!isMoving(0, 100))
        for step in 0..<50 { #expect(isMoving(1000 - step, 100 + step * 9)) }
        #expect(isMoving(7, 600))
        #expect(isMoving(7, 609))
        #expect(!isMoving(7, 610))
        #expect(isMoving(6, 620))
        #expect(!isMoving(0, 621))
    }

    /// Waits until a number stays as it is, and returns it.
    private func halted(_ number: () -> Int) async throws -> Int {
        var last = -1
        var quiet = 0
        try await eventually(within: .seconds(30)) {
            let now = number()
            quiet = now == last ? quiet + 1 : 0
            last = now
            return quiet > 100
        }
        return last
    }
}
