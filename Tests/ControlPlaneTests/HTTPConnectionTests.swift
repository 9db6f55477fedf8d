import NIOCore
import NIOEmbedded
import NIOHTTP1
import TestSupport
import Testing

@testable import ApusControlPlane

/// One connection on a manual clock.
@Suite("An HTTP connection", .timeLimit(.minutes(1))) struct HTTPConnectionTests {
    private let channel = NIOAsyncTestingChannel()

    private func open(
        _ answer: @escaping @Sendable (HTTPRequest, HTTPReplier) async throws -> Void = { request, replier in
            try await replier.send(.text(.ok, "\(request.method) \(request.body.readableBytes)"))
        }
    ) async throws {
        let channel = channel
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
            try channel.pipeline.syncOperations.addHandler(
                HTTPConnection(limits: .init(bodyBytes: 10, request: .seconds(30), idle: .seconds(120)), answer: answer)
            )
        }.get()
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
    }

    private func send(_ text: String) async throws {
        try await channel.writeInbound(ByteBuffer(string: text))
    }

    /// All that was sent, once `text` is in it.
    private func output(until text: String) async throws -> String {
        var output = ""
        while !output.contains(text) {
            output += String(buffer: try await channel.waitForOutboundWrite(as: ByteBuffer.self))
        }
        return output
    }

    @Test("Requests follow one another on a connection, also without waiting")
    func keepAlive() async throws {
        try await open()
        try await send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        #expect(try await output(until: "GET 0").hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(try await output(until: "POST 3").hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(channel.isActive)
    }

    @Test("A connection ends after an answer when the client wants it so", arguments: ["Connection: close\r\n", ""])
    func closes(field: String) async throws {
        try await open()
        try await send("GET / HTTP/\(field.isEmpty ? "1.0" : "1.1")\r\nHost: x\r\n\(field)\r\n")
        #expect(try await output(until: "GET 0").lowercased().contains("connection: close"))
        try await eventually { !channel.isActive }
    }

    @Test("A body may have the bound, and not one byte more, however it comes")
    func bound() async throws {
        try await open()
        try await send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n")
        _ = try await output(until: "POST 10")
        try await send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n")
        #expect(try await output(until: "too large").hasPrefix("HTTP/1.1 413"))
        await channel.testingEventLoop.advanceTime(by: .seconds(1))
        try await eventually { !channel.isActive }
    }

    @Test("A length that is too large is refused before the body")
    func length() async throws {
        try await open()
        try await send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
        #expect(try await output(until: "too large").hasPrefix("HTTP/1.1 413"))
    }

    @Test("A client that asks may go on with its body")
    func goesOn() async throws {
        try await open()
        try await send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        _ = try await output(until: "100 Continue")
        try await send("ab")
        _ = try await output(until: "POST 2")
    }

    @Test("A request that does not come whole in time, and a silent connection, are closed")
    func slow() async throws {
        try await open()
        try await send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\na")
        await channel.testingEventLoop.advanceTime(by: .seconds(29))
        #expect(channel.isActive)
        await channel.testingEventLoop.advanceTime(by: .seconds(1))
        try await eventually { !channel.isActive }
    }

    @Test("Between requests a connection may be idle for longer")
    func idle() async throws {
        try await open()
        try await send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = try await output(until: "GET 0")
        await channel.testingEventLoop.advanceTime(by: .seconds(100))
        #expect(channel.isActive)
        await channel.testingEventLoop.advanceTime(by: .seconds(20))
        try await eventually { !channel.isActive }
    }

    @Test("The task that answers is cancelled when the client goes")
    func cancels() async throws {
        let (ended, end) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await open { _, replier in
            try await replier.begin(.ok, [:])
            defer { end.yield() }
            for await _ in AsyncStream<Void>(bufferingPolicy: .bufferingNewest(1), { _ in }) {}
            try Task.checkCancellation()
        }
        try await send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        _ = try await output(until: "chunked")
        try await channel.close()
        for await _ in ended { break }
    }

    @Test("What is no HTTP is answered with 400 and the end")
    func garbage() async throws {
        try await open()
        try? await send("\u{0}\u{1}garbage\r\n\r\n")
        #expect(try await output(until: "\r\n\r\n").hasPrefix("HTTP/1.1 400"))
        try await eventually { !channel.isActive }
    }
}
