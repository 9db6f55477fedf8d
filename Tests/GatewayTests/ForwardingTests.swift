import ApusCoordination
import ApusPrimitives
import NIOCore
import TestSupport
import Testing

@testable import ApusGateway

@Suite struct ForwardingTests {
    @Test func aRequestReachesItsServiceAndComesBack() async throws {
        let server = try await ScriptedServer.start { _ in
            .ok("hello", headers: "x-own: 1\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n")
        }
        try await Harness.run(servers: [server]) { harness in
            let response = try await harness.get(
                "/api/a?b=c", headers: "X-Forwarded-For: 6.6.6.6\r\nConnection: x-mine\r\nX-Mine: 1\r\n")
            #expect(response.status == 200)
            #expect(response.bodyText == "hello")
            #expect(response.header("x-own") == "1")
            #expect(response.header("x-hop") == nil)
            #expect(response.header("keep-alive") == nil)
            #expect(response.header("via") == "1.1 apus")
            let seen = try #require(server.requests.first)
            #expect(seen.line == "GET /api/a?b=c HTTP/1.1")
            #expect(seen.all("host") == ["shop.example"])
            #expect(seen.header("x-mine") == nil)
            #expect(seen.header("connection") == nil)
            #expect(seen.all("x-forwarded-for") == ["127.0.0.1"])
            #expect(seen.header("x-forwarded-proto") == "http")
            #expect(seen.header("x-forwarded-host") == "shop.example")
            #expect(seen.header("via") == "1.1 apus")
            let time = try #require(seen.header("apus-timeout-ms").flatMap { Int($0) })
            #expect((1...10_000).contains(time))
            let trace = try #require(seen.header("traceparent"))
            #expect(Array(trace.utf8).withUnsafeBytes { RequestHead.isTraceparent($0) })
            try await harness.expectQuiet()
        }
    }

    @Test func aTraceAndAShorterTimeArePassedOn() async throws {
        let server = try await ScriptedServer.start { _ in .ok("") }
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        try await Harness.run(servers: [server]) { harness in
            _ = try await harness.get(
                "/api", headers: "traceparent: \(trace)\r\ntracestate: a=b\r\napus-timeout-ms: 5000\r\n")
            let seen = try #require(server.requests.first)
            #expect(seen.all("traceparent") == [trace])
            #expect(seen.header("tracestate") == "a=b")
            let times = seen.all("apus-timeout-ms").compactMap { Int($0) }
            #expect(times.count == 1 && times[0] <= 5000)
        }
    }

    @Test(arguments: [0, 1, 5000, 70_000, 300_000])
    func bodiesGoThroughInEitherFraming(size: Int) async throws {
        let server = try await ScriptedServer.start { request in
            let length = request.header("content-length") ?? "chunked"
            let head = "HTTP/1.1 200 OK\r\nx-length: \(length)\r\n"
            if request.path.hasSuffix("chunked") {
                var bytes = Array("\(head)Transfer-Encoding: chunked\r\n\r\n".utf8)
                var rest = request.body[...]
                while !rest.isEmpty {
                    let piece = rest.prefix(9973)
                    bytes += Array("\(String(piece.count, radix: 16));x=y\r\n".utf8) + piece + Array("\r\n".utf8)
                    rest = rest.dropFirst(piece.count)
                }
                return Reply(bytes: bytes + Array("0\r\nX-Trailer: 1\r\n\r\n".utf8))
            }
            if request.path.hasSuffix("close") {
                return Reply(bytes: Array("\(head)\r\n".utf8) + request.body, after: .close)
            }
            return Reply(bytes: Array("\(head)content-length: \(request.body.count)\r\n\r\n".utf8) + request.body)
        }
        try await Harness.run(servers: [server]) { harness in
            var random = SeededRandom(seed: UInt64(size))
            let body = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
            let connection = try await harness.connect()
            for path in ["/api/length", "/api/chunked", "/api/length", "/api/close", "/api/length"] {
                try await connection.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
                try await connection.send(body)
                let first = try await connection.response()
                #expect(first.body == body)
                #expect(first.header("x-length") == "\(size)")
                try await connection.send("POST \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                for piece in stride(from: 0, to: size, by: 7919).map({ body[$0..<min($0 + 7919, size)] }) {
                    try await connection.send(
                        Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece + Array("\r\n".utf8))
                }
                try await connection.send("0\r\n\r\n")
                let second = try await connection.response()
                #expect(second.body == body)
                #expect(second.header("x-length") == "chunked")
            }
            await connection.close()
            try await harness.expectQuiet()
        }
    }

    @Test func responsesWithoutABodyHaveNone() async throws {
        let server = try await ScriptedServer.start { request in
            switch request.path {
            case "/api/204": .raw("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")
            case "/api/304": .raw("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n")
            case "/api/chunked": .raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            case "/api/early":
                .raw(
                    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200\r\ncontent-length: 1\r\n\r\nx"
                )
            default: .raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            }
        }
        try await Harness.run(servers: [server]) { harness in
            let connection = try await harness.connect()
            for (request, status, length) in [
                ("HEAD /api/x", 200, "5"), ("HEAD /api/chunked", 200, nil), ("GET /api/204", 204, nil),
                ("GET /api/304", 304, "5"), ("HEAD /api/x", 200, "5"),
            ] as [(String, Int, String?)] {
                try await connection.send("\(request) HTTP/1.1\r\nHost: a\r\n\r\n")
                let response = try await connection.response(isHead: request.hasPrefix("HEAD"))
                #expect(response.status == status)
                #expect(response.header("content-length") == length)
            }
            try await connection.send("GET /api/early HTTP/1.1\r\nHost: a\r\n\r\n")
            let response = try await connection.response()
            #expect(response.status == 200)
            #expect(response.bodyText == "x")
            #expect(server.accepted == 1)
            await connection.close()
        }
    }

    @Test func connectionsToAServiceAreKept() async throws {
        let server = try await ScriptedServer.start { _ in .ok("x") }
        try await Harness.run(servers: [server]) { harness in
            for _ in 0..<20 { #expect(try await harness.get("/api").status == 200) }
            #expect(server.accepted == 1)
            try await harness.expectQuiet()
        }
    }

    @Test func noMoreConnectionsAreKeptThanAllowed() async throws {
        let server = try await ScriptedServer.start { _ in .ok("x") }
        try await Harness.run(servers: [server], changing: { $0.maxIdlePerInstance = 2 }) { harness in
            let connections = try await (0..<8).asyncMap { _ in try await harness.connect() }
            for connection in connections { try await connection.send("GET /api HTTP/1.1\r\nHost: a\r\n\r\n") }
            for connection in connections { #expect(try await connection.response().status == 200) }
            try await harness.expectQuiet(clients: 8)
            try await eventually { server.openConnections <= 2 }
            for connection in connections { await connection.close() }
        }
    }

    @Test func requestsSentAheadAreAnsweredInOrder() async throws {
        let server = try await ScriptedServer.start { .ok($0.path) }
        try await Harness.run(servers: [server]) { harness in
            let connection = try await harness.connect()
            let requests = (0..<200).map { number in
                number % 10 == 3
                    ? "GET /nothing/\(number) HTTP/1.1\r\nHost: a\r\n\r\n"
                    : number % 10 == 7
                        ? "POST /api/\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                        : "GET /api/\(number) HTTP/1.1\r\nHost: a\r\n\r\n"
            }
            try await connection.send(requests.joined())
            for number in 0..<200 {
                let response = try await connection.response()
                if number % 10 == 3 {
                    #expect(response.status == 404)
                } else {
                    #expect(response.bodyText == "/api/\(number)")
                }
            }
            await connection.close()
            try await harness.expectQuiet()
        }
    }

    @Test func oldClientsAreServed() async throws {
        let server = try await ScriptedServer.start { request in
            request.path == "/api/chunked"
                ? .raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n") : .ok("abc")
        }
        try await Harness.run(servers: [server]) { harness in
            let once = try await harness.connect()
            try await once.send("GET /api HTTP/1.0\r\n\r\n")
            #expect(try await once.response().bodyText == "abc")
            try await once.waitUntilClosed()
            #expect(server.requests[0].header("host") == "127.0.0.1:\(server.port)")
            #expect(server.requests[0].line == "GET /api HTTP/1.1")
            let kept = try await harness.connect()
            for _ in 0..<2 {
                try await kept.send("GET /api HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\n\r\n")
                let response = try await kept.response()
                #expect(response.header("connection") == "keep-alive")
            }
            try await kept.send("GET /api/chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            try await kept.waitUntilClosed()
            let last = try await kept.response()
            #expect(last.bodyText == "abc")
            #expect(last.header("transfer-encoding") == nil)
            #expect(last.header("connection") == "close")
        }
    }

    @Test func anExpectationIsMet() async throws {
        let server = try await ScriptedServer.start { .ok($0.bodyText) }
        try await Harness.run(servers: [server]) { harness in
            let connection = try await harness.connect()
            try await connection.send(
                "POST /api HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
            #expect(try await connection.response().status == 100)
            try await connection.send("abc")
            #expect(try await connection.response().bodyText == "abc")
            #expect(server.requests[0].header("expect") == nil)
            // Refused at once, without asking for the body.
            try await connection.send(
                "POST /nothing HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
            let refusal = try await connection.response()
            #expect(refusal.status == 404)
            #expect(refusal.header("connection") == "close")
            try await connection.waitUntilClosed()
        }
    }

    @Test func trailersEndAtTheGateway() async throws {
        let server = try await ScriptedServer.start { request in
            .raw(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\n\(request.bodyText)\r\n"
                    + "0\r\nX-Sum: 1\r\nContent-Length: 99\r\n\r\n")
        }
        try await Harness.run(servers: [server]) { harness in
            let connection = try await harness.connect()
            for _ in 0..<3 {
                try await connection.send(
                    "POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Mine\r\n\r\n"
                        + "3\r\nabc\r\n0\r\nX-Mine: 1\r\nHost: evil\r\n\r\n")
                #expect(try await connection.response().bodyText == "abc")
            }
            let received = connection.receivedText.lowercased()
            #expect(!received.contains("x-sum") && !received.contains("trailer"))
            for request in server.requests {
                #expect(request.bodyText == "abc")
                #expect(request.header("trailer") == nil)
                #expect(request.all("host") == ["a"])
            }
            #expect(server.accepted == 1, "nothing of the trailers was left on the connection")
            await connection.close()
        }
    }

    @Test func anUpgradeIsIgnored() async throws {
        let server = try await ScriptedServer.start { _ in .ok("plain") }
        try await Harness.run(servers: [server]) { harness in
            let response = try await harness.get(
                "/api",
                headers: "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n")
            #expect(response.bodyText == "plain")
            #expect(server.requests[0].header("upgrade") == nil)
            #expect(server.requests[0].header("http2-settings") == nil)
        }
    }

    @Test func anEarlyAnswerIsPassedOnAndEndsTheConnection() async throws {
        let raw = try await EarlyServer.start("HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno")
        try await Harness.run { harness in
            harness.set([.init(service: "api", id: "raw", host: "127.0.0.1", port: raw.port)])
            let connection = try await harness.connect()
            try await connection.send("POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            let response = try await connection.response()
            #expect(response.status == 401)
            #expect(response.header("connection") == "close")
            try await connection.waitUntilClosed()
            await connection.close()
            try await harness.expectQuiet()
        }
        await raw.stop()
    }
}

extension Sequence {
    /// One after the other.
    func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var results: [T] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
