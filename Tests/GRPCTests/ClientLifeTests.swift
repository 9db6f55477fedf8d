import ApusPrimitives
import ApusResilience
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import ApusGRPC

/// A client whose servers come, go and are silent.
@Suite struct ClientLifeTests {
    private let patient = GRPCCallOptions(timeout: .seconds(20))

    private static let echo = GRPCService("test.Echo") { service in
        service.onLoop(raw: "Echo") { request, _ in request }
        service.stream(raw: "Stream") { requests, replies, _ in
            for try await request in requests { try await replies.send(request) }
        }
    }

    private static func quick(_ balancing: GRPCBalancing = .pickFirst) -> GRPCClientSettings {
        var settings = GRPCClientSettings()
        settings.balancing = balancing
        settings.backoff = ConnectionBackoff(initial: .milliseconds(10), maximum: .milliseconds(30))
        settings.drainTimeout = .seconds(5)
        return settings
    }

    /// Servers that count their calls, each of which can be stopped and started again on its port.
    private func withCounted(
        _ counts: Locked<[Int]>, _ index: Int, port: Int = 0, _ body: @Sendable (Int) async throws -> Void
    ) async throws {
        let service = GRPCService("test.Count") { service in
            service.onLoop(raw: "Call") { request, _ in
                counts.withLock { $0[index] += 1 }
                return request
            }
        }
        var settings = GRPCServerSettings()
        settings.port = port
        try await withServer([service], settings: settings) { port, _ in try await body(port) }
    }

    @Test(.timeLimit(.minutes(1)))
    func `of three servers one dies and comes back: the others take its calls until then`()
        async throws
    {
        let counts = Locked([0, 0, 0])
        let lastPort = Locked(0)
        try await withCounted(counts, 0) { first in
            try await withCounted(counts, 1) { second in
                let client = Locked<GRPCClient?>(nil)
                @Sendable func call() async -> Bool {
                    let client = client.withLock { $0! }
                    return (try? await client.unary(raw: "test.Count/Call", ByteBuffer(), options: patient)) != nil
                }
                @Sendable func spread(over wanted: Set<Int>) async throws {
                    counts.withLock { $0 = [0, 0, 0] }
                    // Once the client knows, calls go round, one each.
                    try await eventually {
                        counts.withLock { $0 = [0, 0, 0] }
                        for _ in 0..<12 { guard await call() else { return false } }
                        let each = 12 / wanted.count
                        return counts.withLock { counts in
                            counts.enumerated().allSatisfy { $1 == (wanted.contains($0) ? each : 0) }
                        }
                    }
                }
                try await withCounted(counts, 2) { third in
                    lastPort.withLock { $0 = third }
                    let new = try GRPCClient(
                        [first, second, third].map { .host("127.0.0.1", port: $0) }, settings: Self.quick(.roundRobin))
                    client.withLock { $0 = new }
                    try await spread(over: [0, 1, 2])
                }
                try await spread(over: [0, 1])
                try await withCounted(counts, 2, port: lastPort.withLock { $0 }) { _ in
                    try await spread(over: [0, 1, 2])
                }
                await client.withLock { $0! }.stop()
            }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [GRPCBalancing.pickFirst, .roundRobin])
    func `lists that change while calls run cost no call`(balancing: GRPCBalancing) async throws {
        let counts = Locked([0, 0, 0])
        try await withCounted(counts, 0) { first in
            try await withCounted(counts, 1) { second in
                try await withCounted(counts, 2) { third in
                    let ports = [first, second, third]
                    let isOver = Locked(false)
                    let resolver = GRPCResolver { update in
                        var random = SeededRandom(seed: 7)
                        while !isOver.withLock({ $0 }) {
                            let some = ports.shuffled(using: &random).prefix(Int.random(in: 0...3, using: &random))
                            update(some.map { .host("127.0.0.1", port: $0) })
                            try await TimeSource.continuous.sleep(for: .milliseconds(20))
                        }
                    }
                    let client = try GRPCClient(resolver: resolver, settings: Self.quick(balancing))
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask { try await client.run() }
                        try await withThrowingTaskGroup(of: Void.self) { callers in
                            for _ in 0..<4 {
                                callers.addTask {
                                    var calls = 0
                                    while calls < 100 || counts.withLock({ $0.contains { $0 < 20 } }) {
                                        calls += 1
                                        _ = try await client.unary(
                                            raw: "test.Count/Call", ByteBuffer(), options: patient)
                                    }
                                }
                            }
                            try await callers.waitForAll()
                        }
                        isOver.withLock { $0 = true }
                        await client.stop()
                        group.cancelAll()
                    }
                    #expect(counts.withLock { $0 }.allSatisfy { $0 > 0 })
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a resolver that fails is started again, and its last list stays`() async throws
    {
        struct Failed: Error {}
        try await withServer([Self.echo]) { port, _ in
            let starts = Locked(0)
            let resolver = GRPCResolver { update in
                let number = starts.withLock { starts in
                    starts += 1
                    return starts
                }
                if number == 2 { update([.host("127.0.0.1", port: port)]) }
                if number == 3 { update([]) }
                if number < 5 { throw Failed() }
            }
            let client = try GRPCClient(resolver: resolver, settings: Self.quick())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.run() }
                // Made before there is any list.
                _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
                try await eventually { starts.withLock { $0 } == 5 }
                _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
                group.cancelAll()
            }
        }
    }

    /// A name that means 127.0.0.1 and ::1.
    private struct BothAddresses: Resolver {
        func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { answer("127.0.0.1", port) }
        func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { answer("::1", port) }
        func cancelQueries() {}

        private func answer(_ address: String, _ port: Int) -> EventLoopFuture<[SocketAddress]> {
            let loop = MultiThreadedEventLoopGroup.singleton.any()
            return loop.makeCompletedFuture { [try SocketAddress(ipAddress: address, port: port)] }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["127.0.0.1", "::1"])
    func `a name with two addresses, of which one listens, is reached`(listening: String) async throws {
        var settings = GRPCServerSettings()
        settings.host = listening
        try await withServer([Self.echo], settings: settings) { port, server in
            var own = Self.quick()
            own.nameResolver = BothAddresses()
            try await GRPCClient.with("both.test:\(port)", settings: own) { client in
                for _ in 0..<10 {
                    _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
                }
                #expect(server.connectionCount == 1)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a server that falls silent is found out by pings`() async throws {
        let fake = try await FakeServer.start(answer: [], closes: false)
        var settings = Self.quick()
        settings.keepaliveInterval = .milliseconds(30)
        settings.keepaliveTimeout = .milliseconds(30)
        settings.drainTimeout = .milliseconds(100)
        try await GRPCClient.with("127.0.0.1:\(fake.port)", settings: settings) { client in
            let error = await #expect(throws: GRPCError.self) {
                try await client.unary(raw: "x.Y/Z", ByteBuffer(), options: patient)
            }
            #expect(error?.code == .unavailable)
            #expect(error?.mayRepeat == false)
        }
        await fake.stop()
        // One that answers keeps its call.
        var generous = GRPCServerSettings()
        generous.minimumPingInterval = .zero
        // However slow the machine is.
        settings.keepaliveTimeout = .seconds(60)
        try await withServer([Self.echo], settings: generous) { [settings] port, server in
            let proxy = try await CountingProxy.start(to: port)
            try await GRPCClient.with("127.0.0.1:\(proxy.port)", settings: settings) { client in
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

    @Test(.timeLimit(.minutes(1))) func `a client that pings too often for its server does it less often then`()
        async throws
    {
        var settings = Self.quick()
        settings.keepaliveInterval = .milliseconds(20)
        try await withServer([Self.echo]) { [settings] port, _ in
            try await GRPCClient.with("127.0.0.1:\(port)", settings: settings) { client in
                let error = await #expect(throws: GRPCError.self) {
                    try await client.stream(raw: "test.Echo/Stream", options: patient) { call in
                        try await call.requests.send(ByteBuffer(string: "a"))
                        while try await call.replies.next() != nil {}
                    }
                }
                #expect(error?.code == .unavailable)
                #expect(client.core.keepaliveInterval == .milliseconds(40))
            }
        }
    }

    /// A connection that took longer to make than it may idle was ready and gone at once, and stayed so.
    @Test(.timeLimit(.minutes(1))) func `a connection does not idle before it is ready`() async throws {
        let fake = try await FakeServer.start(
            answer: RawFrames.reset(1, code: 8), closes: false, greetsAfter: .milliseconds(60))
        var settings = Self.quick()
        settings.maxIdle = .milliseconds(20)
        try await GRPCClient.with("127.0.0.1:\(fake.port)", settings: settings) { client in
            let error = await #expect(throws: GRPCError.self) {
                try await client.unary(raw: "x.Y/Z", ByteBuffer(), options: patient)
            }
            #expect(error?.code == .cancelled)
        }
        await fake.stop()
    }

    /// A server that accepts and says nothing, with and without TLS: the client's stop does not wait for it.
    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func `a client that is still connecting stops at once`(usesTLS: Bool) async throws {
        let accepted = Locked(0)
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                accepted.withLock { $0 += 1 }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        var settings = GRPCClientSettings()
        settings.drainTimeout = .seconds(3600)
        if usesTLS { settings.tls = try TestCertificates.forClient() }
        let client = try GRPCClient([.host("127.0.0.1", port: silent.localAddress!.port!)], settings: settings)
        let call = Task {
            try await client.unary(raw: "x.Y/Z", ByteBuffer(), options: GRPCCallOptions(waitForReady: true))
        }
        try await eventually { accepted.withLock { $0 } == 1 }
        let began = ContinuousClock.now
        await client.stop()
        // Far less than the time that connecting may take.
        #expect(ContinuousClock.now - began < .seconds(15))
        let error = await #expect(throws: GRPCError.self) { try await call.value }
        #expect(error?.code == .unavailable)
        #expect(error?.reach == .notSent)
        try await silent.close()
    }

    @Test(.timeLimit(.minutes(1))) func `a call posted to a connection that is gone ends, and was not sent`()
        async throws
    {
        try await withServer([Self.echo]) { port, _ in
            let core = try ClientCore(settings: Self.quick(), group: MultiThreadedEventLoopGroup.singleton)
            core.update([.host("127.0.0.1", port: port)])
            let door = try await core.waitForConnection(failsFast: true)
            core.close()
            await core.waitUntilEmpty()
            let head = GRPCCallHead(path: "x.Y/Z", metadata: [:], deadline: nil, waitForReady: false, compresses: false)
            let error = await #expect(throws: GRPCError.self) {
                try await withCheckedThrowingContinuation {
                    (continuation: CheckedContinuation<ClientStream.Answer, any Error>) in
                    let call = ClientStream(head: head, previousAttempts: 0, door: door, limit: 1000, hasStreams: false)
                    call.form = .unary(ByteBuffer(), continuation)
                    door.start(call)
                }
            }
            #expect(error?.reach == .notSent)
        }
    }

    /// Above the limit calls fail, and the others get their streams.
    @Test(.timeLimit(.minutes(1))) func `calls that wait for a stream are bounded`() async throws {
        let gate = Signal<Void>()
        let service = GRPCService("test.Wait") { service in
            service.unary(raw: "Wait") { request, _ in
                try await gate.value
                return request
            }
        }
        var settings = GRPCServerSettings()
        settings.http2.maxConcurrentStreams = 2
        var own = Self.quick()
        own.maxWaitingCalls = 3
        try await withClient([service], settings: settings, client: own) { client in
            let failed = Locked(0)
            let ended = Locked(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        do {
                            _ = try await client.unary(raw: "test.Wait/Wait", ByteBuffer(), options: patient)
                            ended.withLock { $0 += 1 }
                        } catch let error as GRPCError {
                            #expect(error.code == .resourceExhausted)
                            #expect(error.reach == .notSent)
                            failed.withLock { $0 += 1 }
                        }
                    }
                }
                try await eventually { failed.withLock { $0 } == 5 }
                gate.send()
                try await group.waitForAll()
            }
            #expect(ended.withLock { $0 } == 5)
        }
    }
}
