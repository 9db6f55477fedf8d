import ApusCoordination
import ApusObservability
import ApusPrimitives
import ApusResilience
import NIOCore
import TestSupport
import Testing

@testable import ApusGateway

@Suite struct FailureTests {
    /// An instance whose port nobody listens on.
    private func deadInstance(_ id: String = "dead") async throws -> ServiceInstance {
        let server = try await ScriptedServer.start(id: id) { _ in .hangUp }
        await server.kill()
        return server.instance(of: "api")
    }

    private func post(_ headers: String = "", body: String = "abc") -> String {
        "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }

    @Test func aRefusedConnectionIsTriedElsewhereWhateverTheRequest() async throws {
        let server = try await ScriptedServer.start { .ok($0.bodyText) }
        let dead = try await deadInstance()
        try await Harness.run(servers: [server]) { harness in
            harness.set([dead, server.instance(of: "api")])
            for _ in 0..<30 { #expect(try await harness.ask(post()).bodyText == "abc") }
            #expect(server.requests.count == 30)
            try await harness.expectQuiet()
            let text = harness.metrics.exposition()
            #expect(text.contains("apus_gateway_ejections_total{service=\"api\"}"), "\(text)")
            #expect(text.contains("apus_gateway_retries_total{route=\"/api/*\",service=\"api\"}"))
        }
    }

    @Test func whenNoInstanceCanBeReachedThatIsSaid() async throws {
        let dead = [try await deadInstance("a"), try await deadInstance("b")]
        try await Harness.run { harness in
            harness.set(dead)
            let response = try await harness.get("/api")
            #expect(response.status == 503)
            #expect(response.isProblem)
            #expect(response.header("retry-after") == "1")
            try await harness.expectQuiet()
        }
    }

    @Test func aBrokenOffRequestIsRepeatedOnlyWhenThatIsSafe() async throws {
        let bad = try await ScriptedServer.start(id: "bad") { _ in .hangUp }
        let good = try await ScriptedServer.start(id: "good") { .ok($0.bodyText) }
        // Unused for so long that nothing is ejected and every request sees the bad one half of the time.
        try await Harness.run(
            servers: [bad, good], changing: { $0.ejection = OutlierConfiguration(consecutiveFailures: 1_000_000) }
        ) { harness in
            for request in [
                "GET /api HTTP/1.1\r\nHost: a\r\n\r\n", post("Idempotency-Key: k\r\n"),
                post().replacing("POST", with: "PUT"),
            ] {
                for _ in 0..<20 { #expect(try await harness.ask(request).status == 200) }
            }
            let before = bad.requests.count + good.requests.count
            var lost = 0
            for _ in 0..<40 {
                let response = try await harness.ask(post())
                #expect(response.status == 200 || response.status == 502)
                if response.status == 502 { lost += 1 }
            }
            #expect(lost > 0)
            #expect(bad.requests.count + good.requests.count == before + 40, "no request was sent twice")
            try await harness.expectQuiet()
        }
    }

    @Test func theBodyIsSentAgainWhole() async throws {
        let bad = try await ScriptedServer.start(id: "bad") { _ in .hangUp }
        let good = try await ScriptedServer.start(id: "good") { .ok("\($0.body.count)") }
        try await Harness.run(
            servers: [bad, good], changing: { $0.ejection = OutlierConfiguration(consecutiveFailures: 1_000_000) }
        ) { harness in
            let small = String(repeating: "a", count: 60_000)
            let large = String(repeating: "a", count: 500_000)
            for _ in 0..<20 {
                let response = try await harness.ask(post("Idempotency-Key: k\r\n", body: small))
                #expect(response.bodyText == "60000")
            }
            // What is larger than the replay buffer cannot be sent twice.
            var lost = 0
            for _ in 0..<20 {
                let response = try await harness.ask(post("Idempotency-Key: k\r\n", body: large))
                #expect(response.status == 502 || response.bodyText == "500000")
                if response.status == 502 { lost += 1 }
            }
            #expect(lost > 0)
            try await harness.expectQuiet()
        }
    }

    @Test func aKeptConnectionThatTheServiceClosedIsNoError() async throws {
        // Takes one request on each connection, and hangs up on the second.
        let server = try await ScriptedServer.start { $0.number == 0 ? .ok("x") : .hangUp }
        try await Harness.run(
            routes: [GatewayRoute(.prefix("/api"), to: "api", maxAttempts: 1)], servers: [server]
        ) { harness in
            for _ in 0..<20 { #expect(try await harness.get("/api").status == 200) }
            #expect(server.accepted >= 20)
            try await harness.expectQuiet()
        }
    }

    @Test func anUnavailableInstanceIsPassedOverForASafeRequest() async throws {
        let full = try await ScriptedServer.start(id: "full") { _ in .status(503, headers: "retry-after: 7\r\n") }
        let good = try await ScriptedServer.start(id: "good") { _ in .ok("x") }
        try await Harness.run(
            servers: [full, good], changing: { $0.ejection = OutlierConfiguration(consecutiveFailures: 1_000_000) }
        ) { harness in
            for _ in 0..<20 { #expect(try await harness.get("/api").status == 200) }
            harness.set([full.instance(of: "api")])
            try await eventually { try await harness.get("/api").status == 503 }
            let response = try await harness.get("/api")
            #expect(response.header("retry-after") == "7", "the service's own answer")
            try await harness.expectQuiet()
        }
    }

    @Test(arguments: [
        "nonsense\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 999 X\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 70_000))\r\n\r\n",
        String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 17) + "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ])
    func aServiceThatTalksNonsenseIsABadGateway(answer: String) async throws {
        let server = try await EarlyServer.start(answer)
        try await Harness.run { harness in
            harness.set([ServiceInstance(service: "api", id: "one", host: "127.0.0.1", port: server.port)])
            let response = try await harness.get("/api")
            #expect(response.status == 502)
            #expect(response.isProblem)
            try await harness.expectQuiet()
        }
        await server.stop()
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnonsense\r\n",
    ])
    func aResponseThatBreaksOffNeverLooksWhole(answer: String) async throws {
        let server = try await EarlyServer.start(answer, closes: true)
        try await Harness.run { harness in
            harness.set([ServiceInstance(service: "api", id: "one", host: "127.0.0.1", port: server.port)])
            for version in ["1.1", "1.0"] {
                let connection = try await harness.connect()
                try await connection.send("GET /api HTTP/\(version)\r\nHost: a\r\n\r\n")
                try await connection.waitUntilClosed()
                let text = connection.receivedText
                #expect(!text.contains("\r\n0\r\n"))
                if version == "1.1" {
                    await #expect(throws: (any Error).self) { try await connection.response() }
                }
                await connection.close()
            }
            try await harness.expectQuiet()
        }
        await server.stop()
    }

    @Test func bytesAfterAResponseAreNotTakenForTheNext() async throws {
        let server = try await ScriptedServer.start { request in
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        }
        try await Harness.run(servers: [server]) { harness in
            let connection = try await harness.connect()
            for _ in 0..<10 {
                try await connection.send("GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await connection.response().bodyText == "x")
            }
            #expect(server.accepted == 10)
            await connection.close()
            try await harness.expectQuiet()
        }
    }

    @Test func theDeadlineEndsTheWait() async throws {
        let server = try await ScriptedServer.start { _ in .silence }
        try await Harness.run(
            routes: [GatewayRoute(.prefix("/api"), to: "api", timeout: .milliseconds(80))], servers: [server]
        ) { harness in
            let response = try await harness.get("/api")
            #expect(response.status == 504)
            #expect(response.isProblem)
            try await harness.expectQuiet()
            // One that was still being made when time was up may be kept.
            let unused = await harness.gateway.snapshot().idleUpstreams
            try await eventually { server.openConnections == unused }
        }
        let patient = try await ScriptedServer.start { _ in .silence }
        try await Harness.run(servers: [patient]) { harness in
            let response = try await harness.get("/api", headers: "apus-timeout-ms: 50\r\n")
            #expect(response.status == 504)
            #expect(!harness.metrics.exposition().contains("ejections"))
            try await harness.expectQuiet()
        }
    }

    @Test func aResponseThatStallsIsBrokenOff() async throws {
        let server = try await EarlyServer.start("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        try await Harness.run(changing: { $0.stallTimeout = .milliseconds(80) }) { harness in
            harness.set([ServiceInstance(service: "api", id: "one", host: "127.0.0.1", port: server.port)])
            let connection = try await harness.connect()
            try await connection.send("GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
            try await connection.waitUntilClosed()
            #expect(connection.receivedText.hasSuffix("abc"))
            await connection.close()
            try await harness.expectQuiet()
        }
        await server.stop()
    }

    @Test func aClientThatGoesAwayCallsItsRequestOff() async throws {
        let server = try await ScriptedServer.start { _ in .silence }
        try await Harness.run(servers: [server]) { harness in
            let connection = try await harness.connect()
            try await connection.send("GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { server.requests.count == 1 }
            await connection.close()
            try await eventually { server.openConnections == 0 }
            try await harness.expectQuiet()
            #expect(harness.metrics.exposition().contains("status=\"499\""))
        }
    }

    @Test func anInstanceKilledUnderLoadCostsNoSafeRequest() async throws {
        let servers = try await ["a", "b", "c"].asyncMap { id in
            try await ScriptedServer.start(id: id) { .ok($0.path) }
        }
        try await Harness.run(servers: servers) { harness in
            let answered = Locked(0)
            try await withThrowingTaskGroup { group in
                for client in 0..<16 {
                    group.addTask {
                        let connection = try await harness.connect()
                        for number in 0..<200 {
                            let request = number % 3 == 0 ? "PUT" : "GET"
                            try await connection.send(
                                "\(request) /api/\(client)/\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
                            let response = try await connection.response()
                            #expect(response.status == 200)
                            #expect(response.bodyText == "/api/\(client)/\(number)")
                            answered.withLock { $0 += 1 }
                        }
                        await connection.close()
                    }
                }
                group.addTask {
                    try await eventually { answered.withLock { $0 } > 800 }
                    await servers[0].kill()
                    try await eventually { answered.withLock { $0 } > 1600 }
                    let again = try await ScriptedServer.start(id: "a", port: servers[0].port) { .ok($0.path) }
                    try await eventually { answered.withLock { $0 } > 2400 }
                    await again.kill()
                }
                try await group.waitForAll()
            }
            #expect(answered.withLock { $0 } == 3200)
            try await harness.expectQuiet()
        }
    }

    @Test func anInstanceThatGaveUpForAHurriedClientIsNotToBlame() async throws {
        let one = try await ScriptedServer.start(id: "one") { _ in .status(504) }
        let other = try await ScriptedServer.start(id: "other") { _ in .status(504) }
        try await Harness.run(servers: [one, other]) { harness in
            for _ in 0..<30 {
                let response = try await harness.get("/api", headers: "apus-timeout-ms: 50\r\n")
                #expect(response.status == 504)
            }
            #expect(!harness.metrics.exposition().contains("ejections"))
            try await harness.expectQuiet()
        }
    }

    @Test(arguments: [500, 503])
    func anInstanceThatPassesOnAFailureIsNotToBlame(status: Int) async throws {
        var servers: [ScriptedServer] = []
        for id in ["one", "other"] {
            servers.append(
                try await ScriptedServer.start(id: id) { _ in
                    .status(status, headers: "Apus-Failed-Service: inventory\r\n")
                })
        }
        try await Harness.run(servers: servers) { [servers] harness in
            for _ in 0..<30 {
                let response = try await harness.get("/api")
                #expect(response.status == status)
                #expect(response.headers.contains { $0.name.lowercased() == "apus-failed-service" })
            }
            #expect(servers.map(\.requests.count).reduce(0, +) == 30)
            #expect(!harness.metrics.exposition().contains("ejections"))
            try await harness.expectQuiet()
        }
    }

    /// A dependency that all share may be slow: only instances that cannot be reached are left out beyond a share.
    @Test func deadlinesEjectNoMoreThanAShareOfTheInstances() async throws {
        var servers: [ScriptedServer] = []
        for id in ["a", "b", "c", "d", "e"] { servers.append(try await ScriptedServer.start(id: id) { _ in .silence }) }
        try await Harness.run(
            routes: [GatewayRoute(.prefix("/api"), to: "api", timeout: .milliseconds(20))], servers: servers,
            changing: {
                $0.ejection = OutlierConfiguration(baseEjection: .seconds(300), maxEjection: .seconds(300))
            }
        ) { harness in
            for _ in 0..<60 {
                let response = try await harness.get("/api")
                #expect(response.status == 504)
            }
            #expect(harness.metrics.exposition().contains("apus_gateway_ejections_total{service=\"api\"} 2\n"))
            try await harness.expectQuiet()
        }
    }
}
