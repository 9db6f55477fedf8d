import ApusPrimitives
import ApusResilience
import NIOCore
import TestSupport
import Testing

@testable import ApusGRPC

/// Calls that are made again (gRPC's A6), over sockets.
@Suite struct RetryTests {
    private static let quick = GRPCRetryPolicy(initialBackoff: .milliseconds(1), maxBackoff: .milliseconds(2))
    private let options = GRPCCallOptions(timeout: .seconds(20), retry: quick)

    /// Reads some messages of each attempt, and fails the first ones.
    private final class Flaky: Sendable {
        /// What the attempts were told of those before them.
        let attempts = Locked<[Int]>([])
        let failures: Int
        let reads: Int
        let answersFirst: Bool
        let pushback: Duration?

        init(failures: Int, reads: Int = 1, answersFirst: Bool = false, pushback: Duration? = nil) {
            self.failures = failures
            self.reads = reads
            self.answersFirst = answersFirst
            self.pushback = pushback
        }

        var service: GRPCService {
            GRPCService("test.Flaky") { service in
                service.stream(raw: "Call") { requests, replies, call in
                    let number = self.attempts.withLock { attempts in
                        attempts.append(call.head.previousAttempts)
                        return attempts.count
                    }
                    if number <= self.failures {
                        for _ in 0..<self.reads { _ = try await requests.next() }
                        if self.answersFirst { try await replies.send(ByteBuffer(string: "begun")) }
                        var error = GRPCError(.unavailable, "not yet")
                        error.retryPushback = self.pushback
                        throw error
                    }
                    for try await request in requests { try await replies.send(request) }
                }
            }
        }
    }

    /// Sends `count` numbers from one task and reads what comes back in another.
    private func exchange(_ client: GRPCClient, _ count: Int, _ options: GRPCCallOptions) async throws -> [Int] {
        try await client.stream(raw: "test.Flaky/Call", options: options) { call in
            async let sending: Void = {
                for number in 0..<count { try await call.requests.send(ByteBuffer(integer: number)) }
                call.finishSending()
            }()
            var seen: [Int] = []
            while let reply = try await call.replies.next() { seen.append(reply.getInteger(at: 0) ?? -1) }
            try await sending
            return seen
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [0, 1, 3, 20])
    func `a stream that fails before its response is made again, with all that was sent`(reads: Int) async throws {
        let flaky = Flaky(failures: 2, reads: reads)
        try await withClient([flaky.service]) { client in
            let seen = try await exchange(client, 20, options)
            #expect(seen == Array(0..<20))
        }
        #expect(flaky.attempts.withLock { $0 } == [0, 1, 2])
    }

    @Test(.timeLimit(.minutes(1))) func `streams fail wherever they are, and every message arrives once`() async throws
    {
        for seed in 1...30 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            let count = Int.random(in: 0...60, using: &random)
            let flaky = Flaky(
                failures: Int.random(in: 0...3, using: &random),
                reads: Int.random(in: 0...max(count, 1), using: &random))
            let seen = try await withClient([flaky.service]) { try await exchange($0, count, options) }
            #expect(seen == Array(0..<count), "seed \(seed)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a stream whose response has begun is not made again`() async throws {
        let flaky = Flaky(failures: 1, answersFirst: true)
        try await withClient([flaky.service]) { client in
            let error = await #expect(throws: GRPCError.self) { try await exchange(client, 3, options) }
            #expect(error?.code == .unavailable)
            #expect(error?.reach == .answered)
        }
        #expect(flaky.attempts.withLock { $0 } == [0])
    }

    @Test(.timeLimit(.minutes(1))) func `a stream that has sent more than is kept is not made again`() async throws {
        var settings = GRPCClientSettings()
        // Each message has five bytes more.
        settings.retryBufferBytes = 10 * (8 + 5)
        for (count, attempts) in [(10, [0, 1]), (11, [0])] {
            let flaky = Flaky(failures: 1, reads: count)
            try await withClient([flaky.service], client: settings) { client in
                let seen = try? await exchange(client, count, options)
                #expect(seen == (attempts.count == 2 ? Array(0..<count) : nil))
            }
            #expect(flaky.attempts.withLock { $0 } == attempts, "\(count)")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a push-back is waited out, a negative one is the end, and so is one beyond the deadline`() async throws {
        for (pushback, attempts) in [(Duration.milliseconds(5), 2), (.milliseconds(-1), 1), (.seconds(3600), 1)] {
            let flaky = Flaky(failures: 1, pushback: pushback)
            try await withClient([flaky.service]) { client in
                let seen = try? await exchange(client, 1, options)
                #expect(seen == (attempts == 2 ? [0] : nil), "\(pushback)")
            }
            #expect(flaky.attempts.withLock { $0.count } == attempts, "\(pushback)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a refused stream is made again once, without a policy`() async throws {
        for (code, calls) in [(7, 2), (8, 1)] as [(UInt32, Int)] {
            let fake = try await FakeServer.start(answer: RawFrames.reset(1, code: code), closes: false)
            var settings = GRPCClientSettings()
            settings.drainTimeout = .milliseconds(100)
            let error = await #expect(throws: GRPCError.self) {
                try await GRPCClient.with("127.0.0.1:\(fake.port)", settings: settings) { client in
                    try await client.stream(raw: "x.Y/Z", options: GRPCCallOptions(timeout: .seconds(20))) { call in
                        try await call.requests.send(ByteBuffer(string: "x"))
                        _ = try await call.replies.next()
                    }
                }
            }
            #expect(error?.mayRepeat == (code == 7))
            #expect(fake.calls == calls)
            await fake.stop()
        }
    }

    @Test func `where an earlier attempt may have run, the last one's error does not say that it may be repeated`() {
        var random = SeededRandom(seed: 1)
        for (first, isSafe) in [
            (GRPCError.Reach.notSent, true), (.refused, true), (.unknown, false), (.answered, false),
        ] {
            var state = RetryState(policy: Self.quick)
            let decision = state.failed(
                GRPCError(.unavailable, "", reach: first), isCommitted: false, mayRetry: true, using: &random)
            #expect(decision != .giveUp)
            let last = state.final(GRPCError(.unavailable, "", reach: .notSent))
            #expect(last.mayRepeat == isSafe)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a body's own error comes out as it is, and the server sees a cancelled call`()
        async throws
    {
        struct Mine: Error, Equatable {}
        final class Seen: GRPCClientInterceptor {
            let codes = Locked<[GRPCCode]>([])
            func ended(_ head: GRPCCallHead, _ outcome: GRPCOutcome) {
                codes.withLock { $0.append(outcome.code) }
            }
        }
        let ended = Locked<[GRPCCode?]>([])
        let service = GRPCService("test.Echo") { service in
            service.stream(raw: "Stream") { requests, replies, _ in
                do {
                    for try await request in requests { try await replies.send(request) }
                } catch {
                    ended.withLock { $0.append((error as? GRPCError)?.code) }
                    throw error
                }
            }
        }
        let seen = Seen()
        try await withServer([service]) { port, _ in
            try await GRPCClient.with("127.0.0.1:\(port)", interceptors: [seen]) { client in
                await #expect(throws: Mine.self) {
                    try await client.stream(raw: "test.Echo/Stream") { call in
                        try await call.requests.send(ByteBuffer(string: "x"))
                        _ = try await call.replies.next()
                        throw Mine()
                    }
                }
                try await eventually { ended.withLock { $0 } == [.cancelled] }
                let error = await #expect(throws: GRPCError.self) {
                    try await client.stream(raw: "test.Echo/Stream") { _ in throw CancellationError() }
                }
                #expect(error?.code == .cancelled)
                #expect(error?.mayRepeat == false)
            }
        }
        #expect(seen.codes.withLock { $0 } == [.cancelled, .cancelled])
    }
}
