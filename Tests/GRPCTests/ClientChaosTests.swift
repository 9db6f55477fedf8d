import ApusGRPC
import ApusPrimitives
import ApusResilience
import NIOCore
import NIOPosix
import TestSupport
import Testing

/// Servers that come and go by a seed, while a client calls them.
@Suite struct ClientChaosTests {
    private static let echo = GRPCService("test.Echo") { service in
        service.onLoop(raw: "Echo") { request, _ in request }
        service.stream(raw: "Stream") { requests, replies, _ in
            for try await request in requests { try await replies.send(request) }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [1, 2, 3] as [UInt64])
    func `whatever the servers do, every call ends, and calls succeed when they are back`(seed: UInt64) async throws {
        let ports = try await freePorts(2)
        let isOver = Locked(false)
        for balancing in [GRPCBalancing.pickFirst, .roundRobin] {
            var settings = GRPCClientSettings()
            settings.balancing = balancing
            settings.backoff = ConnectionBackoff(initial: .milliseconds(10), maximum: .milliseconds(30))
            settings.drainTimeout = .seconds(5)
            settings.maxIdle = .milliseconds(30)
            let client = try GRPCClient(ports.map { .host("127.0.0.1", port: $0) }, settings: settings)
            isOver.withLock { $0 = false }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, port) in ports.enumerated() {
                    group.addTask {
                        var random = SeededRandom(seed: seed * 10 + UInt64(index))
                        while !isOver.withLock({ $0 }) {
                            await self.serve(port, random.below(3), for: .milliseconds(random.below(20)))
                        }
                    }
                }
                for caller in 0..<4 {
                    group.addTask {
                        var random = SeededRandom(seed: seed * 100 + UInt64(caller))
                        for _ in 0..<20 { await self.callAtRandom(client, &random) }
                    }
                }
                // The callers, in whatever order.
                for _ in 0..<4 { try await group.next() }
                isOver.withLock { $0 = true }
                try await group.waitForAll()
            }
            var listening = GRPCServerSettings()
            listening.port = ports[1]
            try await withServer([Self.echo], settings: listening) { _, _ in
                let options = GRPCCallOptions(timeout: .seconds(20), waitForReady: true)
                for _ in 0..<10 {
                    let answer = try await client.unary(
                        raw: "test.Echo/Echo", ByteBuffer(string: "x"), options: options)
                    #expect(answer == ByteBuffer(string: "x"))
                }
            }
            await client.stop()
        }
    }

    /// A server for a while: one that is well, that is always too old, or that breaks off.
    private func serve(_ port: Int, _ kind: Int, for time: Duration) async {
        var settings = GRPCServerSettings()
        settings.port = port
        if kind == 1 { settings.maxAge = .milliseconds(1) }
        if kind == 2 { settings.keepaliveInterval = .milliseconds(1) }
        // Somebody else may have the port for a moment.
        _ = try? await withServer([Self.echo], settings: settings) { _, _ in
            try await TimeSource.continuous.sleep(for: time)
        }
    }

    private func callAtRandom(_ client: GRPCClient, _ random: inout SeededRandom) async {
        let message = ByteBuffer(bytes: (0..<random.below(9)).map { UInt8($0) })
        let options = GRPCCallOptions(
            timeout: .milliseconds(1 + random.below(50)), waitForReady: random.below(2) == 0,
            retry: random.below(2) == 0 ? GRPCRetryPolicy(initialBackoff: .milliseconds(1)) : nil)
        do {
            if random.below(2) == 0 {
                #expect(try await client.unary(raw: "test.Echo/Echo", message, options: options) == message)
            } else {
                try await client.stream(raw: "test.Echo/Stream", options: options) { call in
                    try await call.requests.send(message)
                    #expect(try await call.replies.next() == message)
                }
            }
        } catch let error as GRPCError {
            #expect([.unavailable, .deadlineExceeded].contains(error.code), "\(error)")
        } catch {
            Issue.record("\(error)")
        }
    }
}
