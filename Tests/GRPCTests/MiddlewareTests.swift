import ApusGRPC
import ApusObservability
import ApusPrimitives
import ApusResilience
import Logging
import NIOCore
import TestSupport
import Testing

@Suite struct MiddlewareTests {
    private let patient = GRPCCallOptions(timeout: .seconds(20))

    private static let service = GRPCService("test.Echo") { service in
        service.onLoop(raw: "Echo") { request, _ in request }
        service.unary(raw: "Fail") { _, _ in throw GRPCError(.dataLoss, "lost") }
        service.unary(raw: "Refuse") { _, _ in throw GRPCError(.notFound, "no such thing") }
        service.stream(raw: "Stream") { requests, replies, _ in
            for try await request in requests { try await replies.send(request) }
        }
    }

    /// Calls of every kind: two echoes, a stream, three failures.
    private func callAll(_ client: GRPCClient) async throws {
        for _ in 0..<2 { _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient) }
        try await client.stream(raw: "test.Echo/Stream", options: patient) { call in
            try await call.requests.send(ByteBuffer(string: "x"))
            call.finishSending()
            while try await call.replies.next() != nil {}
        }
        for method in ["Fail", "Refuse", "Missing"] {
            await #expect(throws: GRPCError.self) {
                try await client.unary(raw: "test.Echo/\(method)", ByteBuffer(), options: patient)
            }
        }
    }

    private func with(
        server: [any GRPCServerMiddleware], client: [any GRPCClientInterceptor],
        _ body: @Sendable (GRPCClient) async throws -> Void
    ) async throws {
        try await withServer([Self.service], middleware: server) { port, _ in
            try await GRPCClient.with("127.0.0.1:\(port)", interceptors: client) { try await body($0) }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `metrics count every call by method and status, on both sides`() async throws {
        let registry = PrometheusRegistry(includesProcess: false)
        try await with(
            server: [GRPCMetrics.server(factory: registry)], client: [GRPCMetrics.client(factory: registry)]
        ) { try await callAll($0) }
        let lines = registry.exposition().split(separator: "\n").filter { $0.contains("_count") }
        for side in ["server", "client"] {
            for (method, status, count) in [
                ("Echo", "OK", 2), ("Stream", "OK", 1), ("Fail", "DATA_LOSS", 1), ("Refuse", "NOT_FOUND", 1),
                // A name that a stranger made up is not a label of the server's.
                (side == "server" ? "unknown" : "Missing", "UNIMPLEMENTED", 1),
            ] {
                let found = lines.filter {
                    $0.hasPrefix("rpc_\(side)_duration") && $0.contains("rpc_method=\"\(method)\"")
                        && $0.contains("\"\(status)\"")
                }
                #expect(found.count == 1 && found[0].hasSuffix(" \(count)"), "\(side) \(method): \(lines)")
            }
        }
        #expect(lines.count == 10)
    }

    @Test(.timeLimit(.minutes(1))) func `what the server did wrong is logged as a warning, the rest for debugging`()
        async throws
    {
        let log = Log()
        var logger = Logger(label: "test") { _ in log.handler }
        logger.logLevel = .debug
        try await with(server: [GRPCLogging(logger)], client: []) { try await callAll($0) }
        let expected = [
            "debug test.Echo/Echo OK", "debug test.Echo/Echo OK", "debug test.Echo/Stream OK",
            "warning test.Echo/Fail DATA_LOSS", "debug test.Echo/Refuse NOT_FOUND",
            "debug test.Echo/Missing UNIMPLEMENTED",
        ]
        #expect(log.lines.withLock { $0 } == expected)
        log.lines.withLock { $0 = [] }
        logger.logLevel = .info
        try await with(server: [], client: [GRPCLogging(logger)]) { try await callAll($0) }
        #expect(log.lines.withLock { $0 } == ["warning test.Echo/Fail DATA_LOSS"])
    }

    @Test(.timeLimit(.minutes(1))) func `one call above the limit is refused, and there is room again after it`()
        async throws
    {
        let limit = GRPCConcurrencyLimit(2)
        try await with(server: [limit], client: []) { client in
            try await client.stream(raw: "test.Echo/Stream", options: patient) { first in
                try await client.stream(raw: "test.Echo/Stream", options: patient) { second in
                    for call in [first, second] {
                        try await call.requests.send(ByteBuffer(string: "x"))
                        _ = try await call.replies.next()
                    }
                    #expect(limit.running == 2)
                    let error = await #expect(throws: GRPCError.self) {
                        try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
                    }
                    #expect(error?.code == .resourceExhausted)
                }
                // The second was cancelled by its body's end.
                try await eventually { limit.running == 1 }
                _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
            }
            try await eventually { limit.running == 0 }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `deadlines are given where there are none, and cut where they are too long`()
        async throws
    {
        let left = GRPCService("test.Deadline") { service in
            service.unary(raw: "Left") { _, _ in
                ByteBuffer(integer: Deadline.current?.remaining(at: TimeSource.continuous.now()).nanoseconds ?? -1)
            }
        }
        let bounds = GRPCDeadlines(standard: .seconds(100), maximum: .seconds(200))
        try await withServer([left], middleware: [bounds]) { port, _ in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                for (timeout, range) in [
                    (nil, 1...100), (.seconds(50), 1...50), (.seconds(150), 101...150), (.seconds(5000), 151...200),
                ] as [(Duration?, ClosedRange<Int64>)] {
                    let answer = try await client.unary(
                        raw: "test.Deadline/Left", ByteBuffer(), options: GRPCCallOptions(timeout: timeout))
                    let seconds = answer.getInteger(at: 0, as: Int64.self)! / 1_000_000_000 + 1
                    #expect(range.contains(seconds), "\(String(describing: timeout))")
                }
            }
        }
    }
}

/// A log that a test reads.
private final class Log: Sendable {
    let lines = Locked<[String]>([])

    var handler: any LogHandler { Handler(log: self) }

    private struct Handler: LogHandler {
        let log: Log
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = event.metadata ?? [:]
            let line =
                "\(event.level) \(metadata["method"].map { "\($0)" } ?? "") \(metadata["status"].map { "\($0)" } ?? "")"
            log.lines.withLock { $0.append(line) }
        }
    }
}
