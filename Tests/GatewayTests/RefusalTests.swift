import TestSupport
import Testing

@testable import ApusGateway

@Suite struct RefusalTests {
    @Test func whatIsWrongIsSaidInAProblem() async throws {
        let server = try await ScriptedServer.start { _ in .ok("reached") }
        let big = String(repeating: "a", count: 20_000)
        let cases: [(String, Int)] = [
            ("GARBAGE\r\n\r\n", 400), ("GET /api HTTP/1.1\r\n\r\n", 400), ("\u{16}\u{03}\u{01}\u{00}", 400),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400), ("GET /api HTTP/1.1\nHost: a\n\n", 400),
            ("GET /api HTTP/1.1\r\nHost: a\r\nX: \(big)\r\n\r\n", 431),
            ("GET /api HTTP/1.1\r\nHost: a\r\nX: \(big)", 431),
            ("GET /\(big) HTTP/1.1\r\nHost: a\r\n\r\n", 414), ("GET /\(big)", 414),
            ("GET /api HTTP/1.1\r\nHost: a\r\n\(String(repeating: "x:\r\n", count: 200))\r\n", 431),
            ("POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n", 413),
            ("POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", 400),
            ("POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            ("GET /api/../internal HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /api/%2e%2e/internal HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /api%2finternal HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET //internal HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET http://x/internal HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            ("GET /internal/x HTTP/1.1\r\nHost: a\r\n\r\n", 404), ("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405), ("TRACE /api HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            ("DELETE /only HTTP/1.1\r\nHost: a\r\n\r\n", 405), ("POST /livez HTTP/1.1\r\nHost: a\r\n\r\n", 404),
            ("POST /api HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\na", 417),
            ("GET /api HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", 400),
            ("GET /api HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n\r\n", 400),
            ("GET /gone HTTP/1.1\r\nHost: a\r\n\r\n", 503),
        ]
        try await Harness.run(
            routes: [
                GatewayRoute(.prefix("/api"), to: "api"), GatewayRoute(.exact("/only"), to: "api", methods: ["GET"]),
                GatewayRoute(.exact("/gone"), to: "gone"),
            ], servers: [server]
        ) { harness in
            for (text, status) in cases {
                let (response, closed) = try await harness.refusal(text)
                let name = text.prefix(60).debugDescription
                #expect(response.status == status, "\(name)")
                #expect(response.isProblem, "\(name)")
                #expect(closed || status == 404 || status == 405 || status == 503, "\(name)")
                if status == 503 { #expect(response.header("retry-after") == "1") }
                if text.contains("Upgrade: ") {
                    #expect(response.bodyText.contains("WebSocket"), "it says what is missing")
                }
                if status == 405 { #expect(response.header("allow") != nil, "\(name)") }
                if text.hasPrefix("DELETE") { #expect(response.header("allow") == "GET") }
            }
            #expect(server.requests.isEmpty)
            try await harness.expectQuiet()
        }
    }

    @Test func aChunkedBodyIsCutOffAtTheLimit() async throws {
        let server = try await ScriptedServer.start { .ok("\($0.body.count)") }
        try await Harness.run(servers: [server], changing: { $0.maxBodyBytes = 1000 }) { harness in
            let connection = try await harness.connect()
            let chunk = "64\r\n\(String(repeating: "a", count: 100))\r\n"
            let head = "POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            try await connection.send(head + String(repeating: chunk, count: 10) + "0\r\n\r\n")
            #expect(try await connection.response().bodyText == "1000")
            try await connection.send(head + String(repeating: chunk, count: 10) + "1\r\na\r\n0\r\n\r\n")
            let response = try await connection.response()
            #expect(response.status == 413)
            #expect(response.isProblem)
            try await connection.waitUntilClosed()
            await connection.close()
            try await harness.expectQuiet()
        }
    }

    @Test func aSlowHeadIsNotWaitedForForEver() async throws {
        try await Harness.run(changing: { $0.headerTimeout = .milliseconds(100) }) { harness in
            let silent = try await harness.connect()
            try await silent.waitUntilClosed()
            #expect(silent.received.isEmpty)
            // Its first byte may come so late that it counts as silent.
            try await eventually {
                let slow = try await harness.connect()
                try? await slow.send("GET /api HTTP/1.1\r\nHo")
                try await slow.waitUntilClosed()
                let response = try? await slow.response()
                await slow.close()
                #expect(response == nil || response?.status == 408 && response?.isProblem == true)
                return response != nil
            }
            // A byte now and then does not buy time.
            let trickle = try await harness.connect()
            await withTaskGroup { group in
                group.addTask {
                    while !trickle.isClosed {
                        guard (try? await trickle.send("X")) != nil else { return }
                        await Task.yield()
                    }
                }
                await group.waitForAll()
            }
            #expect(trickle.received.isEmpty || trickle.receivedText.contains(" 4"))
            await trickle.close()
            try await harness.expectQuiet()
        }
    }

    @Test func aSlowBodyIsNotWaitedForForEver() async throws {
        let server = try await ScriptedServer.start { _ in .ok("") }
        try await Harness.run(servers: [server], changing: { $0.bodyTimeout = .milliseconds(100) }) { harness in
            let connection = try await harness.connect()
            try await connection.send("POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            let response = try await connection.response()
            #expect(response.status == 408)
            #expect(response.isProblem)
            #expect(response.header("connection") == "close")
            try await connection.waitUntilClosed()
            await connection.close()
            try await harness.expectQuiet()
            // What was sent of it is not taken for the beginning of the next one.
            #expect(try await harness.get("/api").status == 200)
            #expect(server.requests.map(\.line) == ["GET /api HTTP/1.1"])
        }
    }

    @Test func anIdleConnectionIsClosed() async throws {
        let server = try await ScriptedServer.start { _ in .ok("") }
        try await Harness.run(servers: [server], changing: { $0.idleTimeout = .milliseconds(100) }) { harness in
            let connection = try await harness.connect()
            try await connection.send("GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await connection.response().status == 200)
            try await connection.waitUntilClosed()
            await connection.close()
        }
    }

    @Test func connectionsAreCounted() async throws {
        let server = try await ScriptedServer.start { _ in .ok("") }
        try await Harness.run(servers: [server], changing: { $0.maxConnections = 3 }) { harness in
            let kept = try await (0..<3).asyncMap { _ in
                let connection = try await harness.connect()
                try await connection.send("GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await connection.response().status == 200)
                return connection
            }
            let more = try await harness.connect()
            let response = try await more.response()
            #expect(response.status == 503)
            #expect(response.isProblem)
            #expect(response.header("retry-after") == "1")
            try await more.waitUntilClosed()
            await more.close()
            await kept[0].close()
            try await eventually { await harness.gateway.snapshot().clients == 2 }
            #expect(try await harness.get("/api").status == 200)
            for connection in kept { await connection.close() }
        }
    }

    @Test func aShortBodyThatNobodyWantsDoesNotCostTheConnection() async throws {
        let server = try await ScriptedServer.start { _ in .ok("here") }
        try await Harness.run(servers: [server]) { harness in
            let connection = try await harness.connect()
            try await connection.send("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            #expect(try await connection.response().status == 404)
            try await connection.send("cdGET /api HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await connection.response().bodyText == "here")
            await connection.close()
        }
    }
}
