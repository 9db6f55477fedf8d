import ApusGRPC
import ApusPrimitives
import ApusResilience
import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import SwiftProtobuf
import TestSupport
import Testing

/// A server that stops, ages, and is asked too much.
@Suite struct ServerLifeTests {
    private let patient = GRPCCallOptions(timeout: .seconds(20))

    private static let service = GRPCService("test.Echo") { service in
        service.onLoop(raw: "Echo") { request, _ in request }
        service.stream(raw: "Stream") { requests, replies, _ in
            for try await request in requests { try await replies.send(request) }
        }
    }

    /// Runs `body` beside a server in a service group, which `body` may stop gracefully.
    private func withGroup(
        _ settings: GRPCServerSettings, _ services: [GRPCService] = [service],
        _ body: @Sendable (_ port: Int, GRPCServer, ServiceGroup) async throws -> Void
    ) async throws {
        var settings = settings
        settings.eventLoopGroup = MultiThreadedEventLoopGroup.singleton
        let server = GRPCServer(services: services, settings: settings)
        let group = ServiceGroup(services: [server], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await body(try await server.boundAddress.port!, server, group)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a graceful stop lets calls end, and takes no new ones`() async throws {
        try await withGroup(GRPCServerSettings()) { port, server, group in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                try await client.stream(raw: "test.Echo/Stream", options: patient) { call in
                    try await call.requests.send(ByteBuffer(string: "a"))
                    _ = try await call.replies.next()
                    await group.triggerGracefulShutdown()
                    // The connection goes away, and nobody listens.
                    try await eventually {
                        do {
                            _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
                            return false
                        } catch { return (error as? GRPCError)?.code == .unavailable }
                    }
                    #expect(server.connectionCount == 1)
                    try await call.requests.send(ByteBuffer(string: "b"))
                    #expect(try await call.replies.next() == ByteBuffer(string: "b"))
                    call.finishSending()
                    #expect(try await call.replies.next() == nil)
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `calls that do not end in time are cancelled, and run returns after their handlers`()
        async throws
    {
        let states = Locked((begun: 0, cancelled: 0))
        let hang = GRPCService("test.Hang") { service in
            service.unary(raw: "Hang") { _, _ in
                states.withLock { $0.begun += 1 }
                defer { states.withLock { $0.cancelled += Task.isCancelled ? 1 : 0 } }
                try await TimeSource.continuous.sleep(for: .seconds(60))
                return ByteBuffer()
            }
        }
        var settings = GRPCServerSettings()
        settings.drainTimeout = .milliseconds(50)
        try await withGroup(settings, [hang]) { port, _, group in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                let call = Task { try await client.unary(raw: "test.Hang/Hang", ByteBuffer(), options: patient) }
                try await eventually { states.withLock { $0.begun } == 1 }
                await group.triggerGracefulShutdown()
                let error = await #expect(throws: GRPCError.self) { try await call.value }
                #expect(error?.code == .unavailable)
                #expect(error?.mayRepeat == false)
            }
        }
        #expect(states.withLock { $0.cancelled } == 1)
    }

    @Test(.timeLimit(.minutes(1))) func `a stream that outlives its connection's age is ended after the grace`()
        async throws
    {
        var settings = GRPCServerSettings()
        settings.maxAge = .milliseconds(50)
        settings.maxAgeGrace = .milliseconds(50)
        try await withClient([Self.service], settings: settings) { client in
            let error = await #expect(throws: GRPCError.self) {
                try await client.stream(raw: "test.Echo/Stream", options: patient) { call in
                    while true {
                        try await call.requests.send(ByteBuffer(string: "a"))
                        _ = try await call.replies.next()
                    }
                }
            }
            #expect(error?.code == .unavailable)
        }
    }

    /// Connections are replaced all the time, and no call notices.
    @Test(.timeLimit(.minutes(1))) func `connections that age cost no call`() async throws {
        var settings = GRPCServerSettings()
        settings.maxAge = .milliseconds(20)
        try await withClient([Self.service], settings: settings) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        for number in 0..<100 as Range<UInt8> {
                            let message = ByteBuffer(bytes: [number])
                            if task % 2 == 0 {
                                let answer = try await client.unary(raw: "test.Echo/Echo", message, options: patient)
                                #expect(answer == message)
                            } else {
                                try await client.stream(raw: "test.Echo/Stream", options: patient) { call in
                                    try await call.requests.send(message)
                                    #expect(try await call.replies.next() == message)
                                }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a client that does not answer pings is closed, one that does is not`()
        async throws
    {
        var settings = GRPCServerSettings()
        settings.keepaliveInterval = .milliseconds(30)
        settings.keepaliveTimeout = .milliseconds(30)
        try await withServer([Self.service], settings: settings) { port, _ in
            let raw = try await RawConnection.connect(port: port)
            try await raw.send(RawFrames.preface + RawFrames.settings + RawFrames.settingsAck)
            try await raw.waitUntilClosed(within: .seconds(30))
            #expect(RawFrames.parse(raw.received).contains { $0.type == 6 && $0.flags == 0 })
            await raw.close()
        }
        // However slow the machine is.
        settings.keepaliveTimeout = .seconds(60)
        try await withServer([Self.service], settings: settings) { port, server in
            let proxy = try await CountingProxy.start(to: port)
            try await GRPCClient.with("127.0.0.1:\(proxy.port)") { client in
                try await client.stream(raw: "test.Echo/Stream", options: patient) { call in
                    try await call.requests.send(ByteBuffer(string: "a"))
                    _ = try await call.replies.next()
                    try await proxy.waitForPings(5)
                    try await call.requests.send(ByteBuffer(string: "b"))
                    #expect(try await call.replies.next() == ByteBuffer(string: "b"))
                    #expect(server.connectionCount == 1)
                }
            }
            await proxy.stop()
        }
    }

    /// A megabyte of zeros is a kilobyte of gzip.
    @Test(.timeLimit(.minutes(1))) func `what gzip makes too large is refused, both ways`() async throws {
        let service = GRPCService("test.Bomb") { service in
            service.onLoop(raw: "Take") { _, _ in ByteBuffer() }
            service.onLoop(raw: "Make") { _, _ in ByteBuffer(repeating: 0, count: 1 << 20) }
            service.stream(raw: "TakeAll") { requests, replies, _ in
                for try await _ in requests {}
            }
            service.stream(raw: "MakeAll") { _, replies, _ in
                try await replies.send(ByteBuffer(repeating: 0, count: 1 << 20))
            }
        }
        var settings = GRPCServerSettings()
        settings.maxReceiveBytes = 100_000
        settings.compression = .gzip
        var own = GRPCClientSettings()
        own.maxReceiveBytes = 100_000
        try await withClient([service], settings: settings, client: own) { client in
            let options = GRPCCallOptions(timeout: .seconds(20), compression: .gzip)
            let bomb = ByteBuffer(repeating: 0, count: 1 << 20)
            for (method, message) in [
                ("Take", bomb), ("Make", ByteBuffer()), ("TakeAll", bomb), ("MakeAll", ByteBuffer()),
            ] {
                let error = await #expect(throws: GRPCError.self) {
                    guard method.hasSuffix("All") else {
                        _ = try await client.unary(raw: "test.Bomb/\(method)", message, options: options)
                        return
                    }
                    try await client.stream(raw: "test.Bomb/\(method)", options: options) { call in
                        try await call.requests.send(message)
                        call.finishSending()
                        while try await call.replies.next() != nil {}
                    }
                }
                #expect(error?.code == .resourceExhausted, "\(method): \(String(describing: error))")
            }
            // The connection has taken no harm.
            _ = try await client.unary(raw: "test.Bomb/Take", ByteBuffer(), options: patient)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `metadata that is too long costs its call, and its connection nothing`()
        async throws
    {
        let service = GRPCService("test.Long") { service in
            service.onLoop(raw: "Echo") { request, _ in request }
            service.onLoop(raw: "Initial") { request, call in
                call.add(initial: ["x-long": String(repeating: "y", count: 20_000)])
                return request
            }
            service.onLoop(raw: "Trailing") { request, call in
                call.add(trailing: ["x-long": String(repeating: "y", count: 20_000)])
                return request
            }
            service.onLoop(raw: "Details") { _, _ in
                var error = GRPCError(.aborted, "too much to say")
                try error.add(detail: Google_Protobuf_BytesValue(.init(count: 300_000)))
                throw error
            }
            service.onLoop(raw: "Metadata") { _, _ in
                throw GRPCError(
                    .aborted, "too much to say", metadata: ["x-long": String(repeating: "y", count: 300_000)])
            }
        }
        var settings = GRPCServerSettings()
        for limit in [16_384, 10_000] {
            settings.http2.limits.headerListBytes = limit
            try await withServer([service], settings: settings) { port, server in
                try await GRPCClient.with("127.0.0.1:\(port)") { client in
                    func code(_ method: String, _ metadata: GRPCMetadata = [:]) async -> GRPCCode {
                        do {
                            let options = GRPCCallOptions(timeout: .seconds(20), metadata: metadata)
                            _ = try await client.unary(raw: "test.Long/\(method)", ByteBuffer(), options: options)
                            return .ok
                        } catch { return (error as? GRPCError)?.code ?? .unknown }
                    }
                    #expect(await code("Echo", ["x-long": String(repeating: "y", count: 9_000)]) == .ok)
                    let long = await code("Echo", ["x-long": String(repeating: "y", count: 11_000)])
                    #expect(long == (limit < 11_000 ? .resourceExhausted : .ok))
                    #expect(await code("Echo", ["x-long": String(repeating: "y", count: 17_000)]) == .resourceExhausted)
                    #expect(await code("Initial") == .resourceExhausted)
                    #expect(await code("Trailing") == .resourceExhausted)
                    // The status arrives without what is too much.
                    #expect(await code("Details") == .aborted)
                    #expect(await code("Metadata") == .aborted)
                    #expect(await code("Echo") == .ok)
                    #expect(server.connectionCount == 1)
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [GRPCServerSettings.Handlers.shared, .eventLoop])
    func `whatever a handler throws, the caller gets a status and the connection goes on`(
        handlers: GRPCServerSettings.Handlers
    ) async throws {
        struct Odd: Error {}
        let errors: [any Error] = [
            Odd(), GRPCError(.ok, "not an error"), GRPCError(GRPCCode(rawValue: 99), "new"), CancellationError(),
            GRPCError(.internalError, String(repeating: "\u{1F608}", count: 5000)),
        ]
        let service = GRPCService("test.Throw") { service in
            service.onLoop(raw: "OnLoop") { request, _ in throw errors[Int(request.getInteger(at: 0, as: UInt8.self)!)]
            }
            service.unary(raw: "Unary") { request, _ in throw errors[Int(request.getInteger(at: 0, as: UInt8.self)!)] }
            service.stream(raw: "Stream") { requests, _, _ in
                guard let request = try await requests.next() else { return }
                throw errors[Int(request.getInteger(at: 0, as: UInt8.self)!)]
            }
            service.onLoop(raw: "Echo") { request, _ in request }
        }
        var settings = GRPCServerSettings()
        settings.handlers = handlers
        let expected: [GRPCCode] = [.unknown, .unknown, GRPCCode(rawValue: 99), .cancelled, .internalError]
        try await withServer([service], settings: settings) { port, server in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                for method in ["OnLoop", "Unary", "Stream"] {
                    for (index, code) in expected.enumerated() {
                        let error = await #expect(throws: GRPCError.self) {
                            _ = try await client.unary(
                                raw: "test.Throw/\(method)", ByteBuffer(bytes: [UInt8(index)]), options: patient)
                        }
                        #expect(error?.code == code, "\(method) \(index)")
                    }
                }
                _ = try await client.unary(raw: "test.Throw/Echo", ByteBuffer(), options: patient)
                #expect(server.connectionCount == 1)
            }
        }
    }
}
