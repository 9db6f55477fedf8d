import ApusGRPC
import ApusPrimitives
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import TestSupport
import Testing

/// gRPC and HTTP/1.1 on one port.
@Suite struct SharedPortTests {
    private let echo = GRPCService("test.Echo") { service in
        service.onLoop(raw: "Echo") { request, _ in request }
    }

    private static let http: @Sendable (any Channel) throws -> Void = { channel in
        try channel.pipeline.syncOperations.configureHTTPServerPipeline()
        try channel.pipeline.syncOperations.addHandler(Hello())
    }

    private let patient = GRPCCallOptions(timeout: .seconds(20))

    private func client(tls: Bool) throws -> GRPCClientSettings {
        var settings = GRPCClientSettings()
        if tls {
            settings.tls = try TestCertificates.forClient()
            settings.authority = "localhost"
        }
        return settings
    }

    private func curl(_ arguments: [String], tls: Bool, port: Int) async throws -> String {
        let url = "\(tls ? "https" : "http")://127.0.0.1:\(port)/hello"
        return try await Peer.run("curl", ["-sSk", "-w", " %{http_version}"] + arguments + [url])
    }

    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func `a port speaks gRPC and HTTP/1.1, and each caller gets his own`(tls: Bool) async throws {
        var settings = GRPCServerSettings()
        if tls { settings.tls = try TestCertificates.forServer(asksClients: false) }
        let own = try client(tls: tls)
        try await withServer([echo], settings: settings, otherwise: Self.http) { port, server in
            try await GRPCClient.with("127.0.0.1:\(port)", settings: own) { client in
                let text = ByteBuffer(string: "x")
                let first = try await client.unary(raw: "test.Echo/Echo", text, options: patient)
                #expect(first == text)
                #expect(try await curl(["--http1.1"], tls: tls, port: port) == "GET /hello 1.1")
                // By its own choice, which with TLS is h2 before http/1.1.
                #expect(try await curl([], tls: tls, port: port) == "GET /hello 1.1")
                if tls { #expect(try await curl(["--no-alpn"], tls: tls, port: port) == "GET /hello 1.1") }
                let body = String(repeating: "b", count: 100_000)
                #expect(try await curl(["-d", body], tls: tls, port: port) == "POST /hello 1.1")
                let last = try await client.unary(raw: "test.Echo/Echo", text, options: patient)
                #expect(last == text)
            }
            try await eventually { server.connectionCount == 0 }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a preface that comes in pieces is one`() async throws {
        try await withServer([echo], otherwise: Self.http) { port, _ in
            let raw = try await RawConnection.connect(port: port)
            for byte in RawFrames.preface { try await raw.send([byte]) }
            try await raw.send(RawFrames.settings)
            try await raw.send(RawFrames.call("/test.Echo/Echo", stream: 1, body: [0, 0, 0, 0, 1, 42]))
            try await eventually { RawFrames.parse(raw.received).contains { $0.type == 0 && $0.payload.last == 42 } }
            await raw.close()
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func `who says nothing, or stops within the preface, is closed`(tls: Bool) async throws {
        var hasty = GRPCServerSettings()
        hasty.handshakeTimeout = .milliseconds(50)
        if tls { hasty.tls = try TestCertificates.forServer(asksClients: false) }
        try await withServer([echo], settings: hasty, otherwise: Self.http) { port, server in
            let silent = try await RawConnection.connect(port: port)
            let slow = try await RawConnection.connect(port: port)
            // Of a preface, and of a TLS record.
            try await slow.send(tls ? [0x16, 3, 1, 2, 0, 1] : Array(RawFrames.preface.prefix(20)))
            let whole = try await RawConnection.connect(port: port)
            // Of the settings that follow a preface.
            if !tls { try await whole.send(RawFrames.preface) }
            for connection in [silent, slow, whole] { try await connection.waitUntilClosed() }
            try await eventually { server.connectionCount == 0 }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func `random bytes end their connection and harm nobody`(tls: Bool) async throws {
        var hasty = GRPCServerSettings()
        hasty.handshakeTimeout = .milliseconds(300)
        if tls { hasty.tls = try TestCertificates.forServer(asksClients: false) }
        let own = try client(tls: tls)
        try await withServer([echo], settings: hasty, otherwise: Self.http) { port, server in
            try await GRPCClient.with("127.0.0.1:\(port)", settings: own) { client in
                for seed in 0..<30 as Range<UInt64> {
                    var random = SeededRandom(seed: seed)
                    var bytes = (0..<Int.random(in: 1...400, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    }
                    // Some begin as HTTP/2 does.
                    if seed % 3 == 0 { bytes = RawFrames.preface.prefix(Int(seed % 24) + 1) + bytes }
                    let raw = try await RawConnection.connect(port: port)
                    try? await raw.send(bytes)
                    try? await raw.finishSending()
                    try await raw.waitUntilClosed()
                    await raw.close()
                }
                _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
            }
            try await eventually { server.connectionCount == 0 }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `connections of both kinds count together`() async throws {
        var full = GRPCServerSettings()
        full.maxConnections = 3
        try await withServer([echo], settings: full, otherwise: Self.http) { port, server in
            let undecided = try await RawConnection.connect(port: port)
            let http = try await RawConnection.connect(port: port)
            try await http.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await http.response().bodyText == "GET /a")
            let calls = try await RawConnection.connect(port: port)
            try await calls.send(RawFrames.preface + RawFrames.settings)
            try await eventually { !calls.received.isEmpty && server.connectionCount == 3 }
            let fourth = try await RawConnection.connect(port: port)
            try await fourth.waitUntilClosed()
            for connection in [undecided, http, calls] { #expect(!connection.isClosed) }
            // Who goes makes room.
            await http.close()
            try await eventually { server.connectionCount == 2 }
            let fifth = try await RawConnection.connect(port: port)
            try await fifth.send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await fifth.response().bodyText == "GET /b")
            for connection in [undecided, calls, fifth] { await connection.close() }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a graceful stop ends idle connections of HTTP/1.1 and undecided ones`()
        async throws
    {
        var settings = GRPCServerSettings()
        settings.eventLoopGroup = MultiThreadedEventLoopGroup.singleton
        settings.drainTimeout = .seconds(600)
        let server = GRPCServer(services: [echo], settings: settings, otherwise: Self.http)
        let group = ServiceGroup(services: [server], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let port = try await server.boundAddress.port!
            let undecided = try await RawConnection.connect(port: port)
            let http = try await RawConnection.connect(port: port)
            try await http.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = try await http.response()
            try await eventually { server.connectionCount == 2 }
            await group.triggerGracefulShutdown()
            try await undecided.waitUntilClosed()
            try await http.waitUntilClosed()
            try await tasks.waitForAll()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `an owner without a pipeline costs its connection`() async throws {
        struct No: Error {}
        try await withServer([echo], otherwise: { _ in throw No() }) { port, server in
            let raw = try await RawConnection.connect(port: port)
            try await raw.send("GET / HTTP/1.1\r\n\r\n")
            try await raw.waitUntilClosed()
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
            }
            try await eventually { server.connectionCount == 0 }
        }
    }
}

/// Answers with the request's method and path.
private final class Hello: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private var line = ""

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): line = "\(head.method) \(head.uri)"
        case .body: break
        case .end:
            let fields = HTTPHeaders([("content-length", "\(line.utf8.count)")])
            context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: .ok, headers: fields))), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: line)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
