import ApusGRPC
import ApusObservability
import ApusPrimitives
import ApusResilience
import NIOCore
import SwiftProtobuf
import TestSupport
import Testing

/// Calls between our server and our client.
@Suite struct CallTests {
    private let patient = GRPCCallOptions(timeout: .seconds(20))

    @Test(.timeLimit(.minutes(1))) func `a handler sees the caller's deadline, and so does what it calls`() async throws
    {
        let service = GRPCService("test.Deadline") { service in
            service.unary(raw: "Left") { _, call in
                let left = Deadline.current?.remaining(at: TimeSource.continuous.now()) ?? .zero
                return ByteBuffer(integer: left.nanoseconds)
            }
        }
        try await withClient([service]) { client in
            let own = try await client.unary(raw: "test.Deadline/Left", ByteBuffer(), options: patient)
            #expect((0...20_000_000_000).contains(own.getInteger(at: 0, as: Int64.self)!))
            let limited = try await Deadline(after: .seconds(5), from: TimeSource.continuous.now()).run {
                try await client.unary(raw: "test.Deadline/Left", ByteBuffer(), options: patient)
            }
            #expect((1...5_000_000_000).contains(limited.getInteger(at: 0, as: Int64.self)!))
            let none = try await client.unary(raw: "test.Deadline/Left", ByteBuffer())
            #expect(none.getInteger(at: 0, as: Int64.self)! == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [GRPCServerSettings.Handlers.shared, .eventLoop])
    func `a deadline cancels the handler, and so do a caller that goes and a server that stops`(
        handlers: GRPCServerSettings.Handlers
    ) async throws {
        let states = Locked((begun: 0, cancelled: 0))
        let service = GRPCService("test.Hang") { service in
            service.unary(raw: "Hang") { _, _ in
                states.withLock { $0.begun += 1 }
                defer { states.withLock { $0.cancelled += Task.isCancelled ? 1 : 0 } }
                try await TimeSource.continuous.sleep(for: .seconds(60))
                return ByteBuffer()
            }
        }
        var settings = GRPCServerSettings()
        settings.handlers = handlers
        try await withServer([service], settings: settings) { port, _ in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                let late = await #expect(throws: GRPCError.self) {
                    try await client.unary(
                        raw: "test.Hang/Hang", ByteBuffer(), options: GRPCCallOptions(timeout: .milliseconds(50)))
                }
                #expect(late?.code == .deadlineExceeded)
                try await eventually { states.withLock { $0.cancelled == $0.begun } }

                let task = Task { try await client.unary(raw: "test.Hang/Hang", ByteBuffer()) }
                try await eventually { states.withLock { $0.begun > $0.cancelled } }
                task.cancel()
                let gone = await #expect(throws: GRPCError.self) { try await task.value }
                #expect(gone?.code == .cancelled)
                try await eventually { states.withLock { $0.cancelled == $0.begun } }
            }
            let client = try GRPCClient([.host("127.0.0.1", port: port)])
            let before = states.withLock { $0.begun }
            Task {
                let lost = await #expect(throws: GRPCError.self) {
                    try await client.unary(raw: "test.Hang/Hang", ByteBuffer())
                }
                #expect(lost?.code == .unavailable)
                #expect(lost?.reach == .unknown)
            }
            try await eventually { states.withLock { $0.begun > before } }
        }
        try await eventually { states.withLock { $0.cancelled == $0.begun } }
    }

    @Test(.timeLimit(.minutes(1))) func `a handler that is cancelled resets its stream`() async throws {
        let service = GRPCService("test.Cancel") { service in
            service.unary(raw: "Unary") { _, _ in throw CancellationError() }
            service.stream(raw: "Stream") { _, replies, _ in
                try await replies.send(ByteBuffer(string: "x"))
                throw CancellationError()
            }
        }
        try await withClient([service]) { client in
            for method in ["Unary", "Stream"] {
                let error = await #expect(throws: GRPCError.self) {
                    try await client.stream(raw: "test.Cancel/\(method)", options: patient) { call in
                        try await call.requests.send(ByteBuffer())
                        call.finishSending()
                        while try await call.replies.next() != nil {}
                    }
                }
                #expect(error?.code == .cancelled)
                #expect(error?.reach == .unknown)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `errors carry details, trailers and push-back; strangers' errors give nothing away`() async throws {
        struct Secret: Error {}
        let service = GRPCService("test.Errors") { service in
            service.onLoop(raw: "Rich") { _, _ in
                var error = GRPCError(.failedPrecondition, "not yet", metadata: ["why": "because"])
                error.retryPushback = .milliseconds(250)
                try error.add(detail: Google_Protobuf_Duration(seconds: 7))
                throw error
            }
            service.unary(raw: "Secret") { _, _ in throw Secret() }
        }
        try await withClient([service]) { client in
            let rich = await #expect(throws: GRPCError.self) {
                try await client.unary(raw: "test.Errors/Rich", ByteBuffer(), options: patient)
            }
            #expect(rich?.code == .failedPrecondition)
            #expect(rich?.message == "not yet")
            #expect(rich?.metadata["why"] == "because")
            #expect(rich?.retryPushback == .milliseconds(250))
            let detail = try #require(rich?.details.first)
            #expect(try Google_Protobuf_Duration(unpackingAny: detail).seconds == 7)
            #expect(rich?.reach == .answered)
            let secret = await #expect(throws: GRPCError.self) {
                try await client.unary(raw: "test.Errors/Secret", ByteBuffer(), options: patient)
            }
            #expect(secret?.code == .unknown)
            #expect(secret?.message == "the method failed")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `messages above a limit are refused, both ways and both sides`() async throws {
        let service = GRPCService("test.Size") { service in
            service.onLoop(raw: "Echo") { request, _ in request }
            service.onLoop(raw: "Make") { request, _ in
                ByteBuffer(repeating: 0, count: Int(request.getInteger(at: 0, as: UInt32.self)!))
            }
        }
        var settings = GRPCServerSettings()
        settings.maxReceiveBytes = 1000
        settings.maxSendBytes = 5000
        var limits = GRPCClientSettings()
        limits.maxReceiveBytes = 4000
        limits.maxSendBytes = 3000
        try await withClient([service], settings: settings, client: limits) { client in
            func code(_ method: String, _ message: ByteBuffer) async -> GRPCCode {
                do {
                    _ = try await client.unary(raw: "test.Size/\(method)", message, options: patient)
                    return .ok
                } catch { return (error as? GRPCError)?.code ?? .unknown }
            }
            #expect(await code("Echo", ByteBuffer(repeating: 1, count: 1000)) == .ok)
            #expect(await code("Echo", ByteBuffer(repeating: 1, count: 1001)) == .resourceExhausted)
            #expect(await code("Echo", ByteBuffer(repeating: 1, count: 3001)) == .resourceExhausted)
            #expect(await code("Make", ByteBuffer(integer: UInt32(4000))) == .ok)
            #expect(await code("Make", ByteBuffer(integer: UInt32(4001))) == .resourceExhausted)
            #expect(await code("Make", ByteBuffer(integer: UInt32(5001))) == .resourceExhausted)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `middleware sees each call once, and may refuse`() async throws {
        final class Recorder: GRPCServerMiddleware {
            let seen = Locked<[String]>([])
            func began(_ head: inout GRPCRequestHead) throws {
                if head.metadata["stop"] != nil { throw GRPCError(.permissionDenied, "stopped") }
                seen.withLock { $0.append("began \(head.path)") }
            }
            func ended(_ head: GRPCRequestHead, _ outcome: GRPCOutcome) {
                seen.withLock { $0.append("ended \(head.path) \(outcome.code)") }
            }
        }
        let recorder = Recorder()
        let limit = GRPCConcurrencyLimit(1)
        let echo = GRPCService("test.Echo") { service in
            service.onLoop(raw: "Echo") { request, _ in request }
            service.unary(raw: "Trace") { _, _ in ByteBuffer(string: TraceContext.current?.traceparent ?? "") }
        }
        try await withServer([echo], middleware: [limit, recorder, GRPCTracing()]) { port, _ in
            let trace = TraceContext.root()
            try await GRPCClient.with("127.0.0.1:\(port)", interceptors: [GRPCTracing()]) { client in
                _ = try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: patient)
                var stop = patient
                stop.metadata = ["stop": "1"]
                let refused = await #expect(throws: GRPCError.self) {
                    try await client.unary(raw: "test.Echo/Echo", ByteBuffer(), options: stop)
                }
                #expect(refused?.code == .permissionDenied)
                await #expect(throws: GRPCError.self) {
                    try await client.unary(raw: "test.Echo/Missing", ByteBuffer(), options: patient)
                }
                let seen = try await TraceContext.$current.withValue(trace) {
                    try await client.unary(raw: "test.Echo/Trace", ByteBuffer(), options: patient)
                }
                #expect(TraceContext(traceparent: String(buffer: seen))?.traceID == trace.traceID)
            }
        }
        #expect(limit.running == 0)
        #expect(
            recorder.seen.withLock { $0 } == [
                "began test.Echo/Echo", "ended test.Echo/Echo OK", "began test.Echo/Missing",
                "ended test.Echo/Missing UNIMPLEMENTED", "began test.Echo/Trace", "ended test.Echo/Trace OK",
            ])
    }
}
