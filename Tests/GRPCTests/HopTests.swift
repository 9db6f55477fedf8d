import ApusGRPC
import ApusObservability
import ApusPrimitives
import ApusResilience
import NIOCore
import TestSupport
import Testing

/// What travels from a caller through one server to the next: deadlines, traces, cancellation.
@Suite struct HopTests {
    /// Runs `body` with a client of a first server, whose handler calls a second one.
    private func withTwoHops(
        _ last: @escaping @Sendable (ByteBuffer, GRPCServerCall) async throws -> ByteBuffer,
        _ body: @Sendable (GRPCClient) async throws -> Void
    ) async throws {
        let end = GRPCService("test.Last") { $0.unary(raw: "Call", last) }
        try await withServer([end], middleware: [GRPCTracing()]) { port, _ in
            let next = try GRPCClient([.host("127.0.0.1", port: port)], interceptors: [GRPCTracing()])
            let middle = GRPCService("test.First") { service in
                service.unary(raw: "Call") { request, call in
                    // What this hop saw comes before what the next one did.
                    let own = Self.seen()
                    let further = try await next.unary(raw: "test.Last/Call", request)
                    return ByteBuffer(string: own + " " + String(buffer: further))
                }
            }
            try await withServer([middle], middleware: [GRPCTracing()]) { port, _ in
                try await GRPCClient.with("127.0.0.1:\(port)", interceptors: [GRPCTracing()]) { try await body($0) }
            }
            await next.stop()
        }
    }

    private static func seen() -> String {
        let left = Deadline.current?.remaining(at: TimeSource.continuous.now()).nanoseconds ?? -1
        return "\(left) \(TraceContext.current?.traceparent ?? "none")"
    }

    @Test(.timeLimit(.minutes(1))) func `a deadline and a trace go on over two hops, and the deadline shrinks`()
        async throws
    {
        try await withTwoHops({ _, _ in ByteBuffer(string: Self.seen()) }) { client in
            let trace = TraceContext.root()
            let answer = try await TraceContext.$current.withValue(trace) {
                try await client.unary(
                    raw: "test.First/Call", ByteBuffer(), options: GRPCCallOptions(timeout: .seconds(20)))
            }
            let words = String(buffer: answer).split(separator: " ").map(String.init)
            try #require(words.count == 4)
            let (first, last) = (Int64(words[0])!, Int64(words[2])!)
            #expect(0 < last && last < first && first < 20_000_000_000)
            let traces = [words[1], words[3]].map { TraceContext(traceparent: $0)! }
            #expect(traces.allSatisfy { $0.traceID == trace.traceID })
            #expect(Set(traces.map(\.spanID) + [trace.spanID]).count == 3)

            // Without them nothing is made up.
            let bare = try await client.unary(raw: "test.First/Call", ByteBuffer())
            #expect(String(buffer: bare).hasPrefix("-1 "))
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func `a caller that goes, or whose time is over, cancels both hops`(isCancelled: Bool) async throws {
        let states = Locked((begun: 0, cancelled: 0))
        try await withTwoHops({ _, _ in
            states.withLock { $0.begun += 1 }
            defer { states.withLock { $0.cancelled += Task.isCancelled ? 1 : 0 } }
            try await TimeSource.continuous.sleep(for: .seconds(60))
            return ByteBuffer()
        }) { client in
            let task = Task {
                try await client.unary(
                    raw: "test.First/Call", ByteBuffer(),
                    options: GRPCCallOptions(timeout: isCancelled ? .seconds(60) : .milliseconds(300)))
            }
            if isCancelled {
                try await eventually { states.withLock { $0.begun } == 1 }
                task.cancel()
            }
            let error = await #expect(throws: GRPCError.self) { try await task.value }
            #expect(error?.code == (isCancelled ? .cancelled : .deadlineExceeded))
            try await eventually { states.withLock { $0.cancelled == $0.begun } }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a deadline that has passed on the way is answered without the handler`()
        async throws
    {
        let calls = Locked(0)
        let service = GRPCService("test.Late") { service in
            service.onLoop(raw: "Call") { request, _ in
                calls.withLock { $0 += 1 }
                return request
            }
        }
        try await withServer([service]) { port, _ in
            let raw = try await RawConnection.connect(port: port)
            try await raw.send(
                RawFrames.preface + RawFrames.settings
                    + RawFrames.headers("/test.Late/Call", stream: 1, more: RawFrames.field("grpc-timeout", "0n"))
                    + RawFrames.headers("/test.Late/Call", stream: 3, more: RawFrames.field("grpc-timeout", "soon"))
                    + RawFrames.call("/test.Late/Call", stream: 5, body: [0, 0, 0, 0, 0]))
            try await eventually { RawFrames.parse(raw.received).contains { $0.type == 0 && $0.stream == 5 } }
            let heads = RawFrames.parse(raw.received).filter { $0.type == 1 && $0.flags & 1 == 1 && $0.stream < 5 }
            #expect(heads.map(\.stream) == [1, 3])
            #expect(calls.withLock { $0 } == 1)
            await raw.close()
        }
    }
}
