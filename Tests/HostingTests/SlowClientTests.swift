import Hummingbird
import TestSupport
import Testing

@testable import ApusHosting

/// Clients that hold a connection and do not go on.
@Suite struct SlowClientTests {
    private static func run(
        changing: (inout HostSettings) -> Void = { _ in }, _ body: (HostBench) async throws -> Void
    ) async throws {
        try await HostBench.run(
            changing: {
                $0.readTimeout = .milliseconds(200)
                changing(&$0)
            },
            routes: { router in
                router.post("/bytes") { request, context in
                    String(try await request.body.collect(upTo: context.maxUploadSize).readableBytes)
                }
                router.get("/large") { _, _ in
                    Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(repeating: 0x78, count: 1 << 24)))
                }
            }, body)
    }

    @Test func `a head that comes drop by drop is 408`() async throws {
        try await Self.run { bench in
            let connection = try await bench.connect()
            try await connection.send("GET /livez HTTP/1.1\r\nHost: a\r\nX: ")
            // It never stops sending: silence is not what the limit is about.
            try await eventually {
                do { try await connection.send("a") } catch { return true }
                return connection.isClosed
            }
            _ = try await connection.response().problem(408)
            try await eventually { bench.host.connections.count == 0 }
            await connection.close()
        }
    }

    @Test func `a body that does not come to its end is 408`() async throws {
        try await Self.run { bench in
            let connection = try await bench.connect()
            try await connection.send(HostBench.text("POST", "/bytes", headers: "Content-Length: 100\r\n") + "begun")
            let answer = try await connection.response()
            _ = try answer.problem(408)
            #expect(answer.header("connection") == "close")
            try await connection.waitUntilClosed()
            await connection.close()
        }
    }

    @Test func `a connection without a request is closed`() async throws {
        try await Self.run(changing: { $0.idleTimeout = .milliseconds(100) }) { bench in
            let silent = try await bench.connect()
            try await silent.waitUntilClosed()
            #expect(silent.received.isEmpty)
            let kept = try await bench.connect()
            try await kept.send(HostBench.text("GET", "/livez"))
            #expect(try await kept.response().status == 200)
            try await kept.waitUntilClosed()
            await kept.close()
            await silent.close()
        }
    }

    @Test func `a client that does not take its answer is cut off`() async throws {
        try await Self.run(changing: { $0.idleTimeout = .milliseconds(200) }) { bench in
            let connection = try await bench.connect(reads: false)
            try await connection.send(HostBench.text("GET", "/large"))
            try await eventually { bench.host.connections.count == 1 }
            try await eventually { bench.host.connections.count == 0 }
            await connection.close()
        }
    }

    @Test func `the body is asked for when the client wants to be asked`() async throws {
        try await Self.run(changing: { $0.readTimeout = .seconds(10) }) { bench in
            let connection = try await bench.connect()
            let head = "Content-Length: 5\r\nExpect: 100-continue\r\n"
            try await connection.send(HostBench.text("POST", "/bytes", headers: head))
            #expect(try await connection.response().status == 100)
            try await connection.send("hello")
            #expect(try await connection.response().bodyText == "5")
            await connection.close()
        }
    }

    @Test func `pipelined requests are answered in their order`() async throws {
        try await Self.run { bench in
            let connection = try await bench.connect()
            let one = HostBench.text("POST", "/bytes", headers: "Content-Length: 2\r\n") + "ab"
            try await connection.send(one + HostBench.text("GET", "/nowhere") + one + "nonsense\r\n\r\n")
            #expect(try await connection.response().bodyText == "2")
            #expect(try await connection.response().status == 404)
            #expect(try await connection.response().bodyText == "2")
            #expect(try await connection.response().status == 400)
            try await connection.waitUntilClosed()
            await connection.close()
        }
    }
}
