import ApusGRPC
import ApusPrimitives
import ApusResilience
import Foundation
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

/// Connections that come, go away and come again.
@Suite struct ConnectionTests {
    private let patient = GRPCCallOptions(timeout: .seconds(20))

    private let echo = GRPCService("test.Echo") { service in
        service.onLoop(raw: "Echo") { request, _ in request }
        service.stream(raw: "Stream") { requests, replies, _ in
            for try await request in requests { try await replies.send(request) }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a client comes back after idling, whichever side closed`() async throws {
        for isServer in [true, false] {
            var settings = GRPCServerSettings()
            var own = GRPCClientSettings()
            if isServer { settings.maxIdle = .milliseconds(100) } else { own.maxIdle = .milliseconds(100) }
            let idling = settings
            let client = own
            try await withServer([echo], settings: idling) { port, server in
                try await GRPCClient.with("127.0.0.1:\(port)", settings: client) { client in
                    for number in 0..<3 as Range<UInt8> {
                        let answer = try await client.unary(
                            raw: "test.Echo/Echo", ByteBuffer(bytes: [number]), options: patient)
                        #expect(answer == ByteBuffer(bytes: [number]))
                        try await eventually { server.connectionCount == 0 }
                    }
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a connection that is too old is replaced, and its streams go on`() async throws
    {
        var settings = GRPCServerSettings()
        settings.maxAge = .milliseconds(50)
        try await withServer([echo], settings: settings) { port, server in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                try await client.stream(raw: "test.Echo/Stream", options: patient) { call in
                    try await call.requests.send(ByteBuffer(string: "a"))
                    _ = try await call.replies.next()
                    // New calls go over a new connection while the old one still has its stream.
                    try await eventually {
                        _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
                        return server.connectionCount >= 2
                    }
                    try await call.requests.send(ByteBuffer(string: "b"))
                    #expect(try await call.replies.next() == ByteBuffer(string: "b"))
                    call.finishSending()
                    #expect(try await call.replies.next() == nil)
                }
            }
        }
    }

    /// A server that never looks at a call says so by the last stream of its GOAWAY; the call is made again, on a new connection.
    @Test(.timeLimit(.minutes(1))) func `a refused call is made again, a lost one is not`() async throws {
        for (frames, closes, reach) in [
            (RawFrames.goAway(last: 0), false, GRPCError.Reach.refused),
            (RawFrames.reset(1, code: 7), false, .refused),
            (RawFrames.reset(1, code: 8), false, .unknown),
            ([], true, .unknown),
        ] {
            let fake = try await FakeServer.start(answer: frames, closes: closes)
            var settings = GRPCClientSettings()
            settings.drainTimeout = .milliseconds(100)
            let error = await #expect(throws: GRPCError.self) {
                try await GRPCClient.with("127.0.0.1:\(fake.port)", settings: settings) { client in
                    try await client.unary(raw: "x.Y/Z", ByteBuffer(), options: patient)
                }
            }
            #expect(error?.reach == reach, "\(frames)")
            #expect(error?.mayRepeat == (reach == .refused))
            // One transparent attempt more (A6), and none for what may have run.
            #expect(fake.calls == (reach == .refused ? 2 : 1), "\(frames)")
            await fake.stop()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `no server: fail fast, or wait until there is one`() async throws {
        let free = try await FakeServer.start(answer: [], closes: true)
        let port = free.port
        await free.stop()
        var settings = GRPCClientSettings()
        settings.backoff = ConnectionBackoff(initial: .milliseconds(20), maximum: .milliseconds(50))
        try await GRPCClient.with("127.0.0.1:\(port)", settings: settings) { client in
            let error = await #expect(throws: GRPCError.self) {
                try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
            }
            #expect(error?.code == .unavailable)
            #expect(error?.reach == .notSent)
            let late = await #expect(throws: GRPCError.self) {
                try await client.unary(
                    raw: "test.Echo/Echo", ByteBuffer(),
                    options: GRPCCallOptions(timeout: .milliseconds(60), waitForReady: true))
            }
            #expect(late?.code == .deadlineExceeded)
            let waiting = Task {
                try await client.unary(
                    raw: "test.Echo/Echo", ByteBuffer(string: "x"), options: GRPCCallOptions(waitForReady: true))
            }
            var listening = GRPCServerSettings()
            listening.port = port
            try await withServer([echo], settings: listening) { _, _ in
                let answer = try await waiting.value
                #expect(answer == ByteBuffer(string: "x"))
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `round robin uses every server, and goes on when one goes`() async throws {
        let counts = Locked([0, 0])
        @Sendable func service(_ index: Int) -> GRPCService {
            GRPCService("test.Count") { service in
                service.onLoop(raw: "Call") { request, _ in
                    counts.withLock { $0[index] += 1 }
                    return request
                }
            }
        }
        try await withServer([service(0)]) { first, _ in
            var settings = GRPCClientSettings()
            settings.balancing = .roundRobin
            settings.backoff = ConnectionBackoff(initial: .milliseconds(20), maximum: .milliseconds(50))
            let client = try await withServer([service(1)]) { [settings] second, _ in
                let client = try GRPCClient(
                    [.host("127.0.0.1", port: first), .host("127.0.0.1", port: second)], settings: settings)
                try await eventually {
                    _ = try await client.unary(raw: "test.Count/Call", ByteBuffer(), options: patient)
                    return counts.withLock { $0.allSatisfy { $0 > 2 } }
                }
                return client
            }
            let before = counts.withLock { $0[0] }
            for _ in 0..<20 {
                // One that is lost with its connection is not repeated.
                _ = try? await client.unary(raw: "test.Count/Call", ByteBuffer(), options: patient)
            }
            #expect(counts.withLock { $0[0] } >= before + 18)
            await client.stop()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a retry policy makes failed calls again, and says so to the server`()
        async throws
    {
        let attempts = Locked<[Int]>([])
        let flaky = GRPCService("test.Flaky") { service in
            service.onLoop(raw: "Call") { request, call in
                let number = attempts.withLock { attempts in
                    attempts.append(call.head.previousAttempts)
                    return attempts.count
                }
                if number < 3 { throw GRPCError(.unavailable, "not yet") }
                return request
            }
        }
        try await withClient([flaky]) { client in
            var options = patient
            options.retry = GRPCRetryPolicy(initialBackoff: .milliseconds(1), maxBackoff: .milliseconds(2))
            _ = try await client.unary(raw: "test.Flaky/Call", ByteBuffer(), options: options)
            #expect(attempts.withLock { $0 } == [0, 1, 2])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `more calls than streams wait their turn`() async throws {
        var settings = GRPCServerSettings()
        settings.http2.maxConcurrentStreams = 3
        try await withClient(settings: settings) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        let reply: Apus_Testing_Reply = try await client.unary(
                            InteropCases.path("Unary"), InteropCases.request(sizes: [10], payload: 10), options: patient
                        )
                        #expect(reply.payload.count == 10)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `health tells, watches and lists`() async throws {
        let health = GRPCHealth()
        health.set("shop.Cart", isServing: true)
        try await withClient([health.service]) { client in
            typealias Request = Apus_Testing_HealthRequest
            typealias Reply = Apus_Testing_HealthReply
            func ask(_ name: String) async throws -> Int32 {
                let reply: Reply = try await client.unary(
                    "grpc.health.v1.Health/Check", Request.with { $0.service = name }, options: patient)
                return reply.status
            }
            #expect(try await ask("") == 1)
            #expect(try await ask("shop.Cart") == 1)
            let unknown = await #expect(throws: GRPCError.self) { try await ask("missing") }
            #expect(unknown?.code == .notFound)
            let seen = try await client.serverStream(
                "grpc.health.v1.Health/Watch", Request.with { $0.service = "shop.Cart" }, reply: Reply.self,
                options: patient
            ) { replies in
                var seen: [Int32] = []
                for change in [false, true, nil] as [Bool?] {
                    seen.append(try #require(try await replies.next()).status)
                    if let change { health.set("shop.Cart", isServing: change) } else { health.beginDraining() }
                }
                seen.append(try #require(try await replies.next()).status)
                return seen
            }
            #expect(seen == [1, 2, 1, 2])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `health watches a service that does not exist yet, and stops with its watcher`()
        async throws
    {
        let health = GRPCHealth()
        try await withServer([health.service]) { port, server in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                let seen = try await client.serverStream(
                    "grpc.health.v1.Health/Watch", Apus_Testing_HealthRequest.with { $0.service = "shop.Later" },
                    reply: Apus_Testing_HealthReply.self, options: patient
                ) { replies in
                    var seen: [Int32] = []
                    for isServing in [true, false] {
                        seen.append(try #require(try await replies.next()).status)
                        // A change of another service is no news.
                        health.set("shop.Other", isServing: isServing)
                        health.set("shop.Later", isServing: isServing)
                    }
                    seen.append(try #require(try await replies.next()).status)
                    return seen
                }
                // SERVICE_UNKNOWN, SERVING, NOT_SERVING.
                #expect(seen == [3, 1, 2])
            }
            try await eventually { server.connectionCount == 0 }
        }
    }
}
