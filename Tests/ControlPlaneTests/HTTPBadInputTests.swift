import Foundation
import NIOCore
import TestSupport
import Testing

@testable import ApusControlPlane

/// What strangers may send to the client port: an error that names it or a closed connection, and other clients unharmed.
@Suite("Bad input at the client port", .timeLimit(.minutes(2))) struct HTTPBadInputTests {
    private func with(_ body: (Int, TestMember) async throws -> Void) async throws {
        try await TestCluster.with { members in
            let port = try #require(try await members[0].server.clientAddress.port)
            _ = try await members[0].put("before", "1")
            try await body(port, members[0])
            // Another client, by gRPC and by HTTP.
            #expect(try await members[0].value("before") == "1")
            let health = try await RawConnection.exchange(
                "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port: port)
            #expect(health.status == 200)
        }
    }

    private func post(_ path: String, _ body: String, port: Int) async throws -> RawResponse {
        try await RawConnection.exchange(
            "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)",
            port: port)
    }

    @Test("Random bytes end their own connection only", arguments: [UInt64.random(in: 0 ... .max)])
    func randomBytes(seed: UInt64) async throws {
        try await with { port, _ in
            var random = SeededGenerator(seed)
            let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
            let starts: [[UInt8]] = [[], preface, Array("POST /v3/kv/put HTTP/1.1\r\n".utf8), Array("PRI *".utf8)]
            for round in 0..<60 {
                let connection = try await RawConnection.connect(port: port)
                let bytes = (0..<random.next(below: 2_000)).map { _ in UInt8(random.next(below: 256)) }
                try? await connection.send(starts[round % starts.count] + bytes)
                await connection.close()
            }
        }
    }

    @Test("Random JSON is answered, never with an internal error", arguments: [UInt64.random(in: 0 ... .max)])
    func randomJSON(seed: UInt64) async throws {
        try await with { port, _ in
            var random = SeededGenerator(seed)
            let paths = GatewayRoute.byPath.keys.sorted().filter { path in
                // They wait, or change who is a member.
                !["watch", "observe", "member", "lock", "campaign", "transfer", "auth", "snapshot", "alarm"]
                    .contains { path.contains($0) }
            }
            let pieces = [
                "{", "}", "[", "]", ",", ":", "\"key\"", "\"ID\"", "\"limit\"", "\"\\ud800\"", "1", "-9e99", "\"Zm9v\"",
                "true", "null", "\"success\"", "{\"request_put\":", "\u{0}", "\"", "99999999999999999999",
            ]
            for _ in 0..<150 {
                let body = (0..<random.next(below: 12)).map { _ in pieces[random.next(below: pieces.count)] }.joined()
                let path = paths[random.next(below: paths.count)]
                let response = try await post(path, body, port: port)
                let isFine =
                    [200, 400, 404, 429, 501].contains(response.status)
                    // A stream has no better word for what is not JSON, and etcd's elections have none for what is wrong.
                    || response.status == 500 && (path == "/v3/lease/keepalive" || path.hasPrefix("/v3/election/"))
                #expect(isFine, "seed \(seed): \(path) \(body): \(response)")
            }
        }
    }

    @Test("Too large a message is refused with etcd's words, too large a body without reading it")
    func large() async throws {
        try await with { port, _ in
            let value = String(repeating: "AAAA", count: 700_000)
            let message = try await post("/v3/kv/put", "{\"key\":\"Zm9v\",\"value\":\"\(value)\"}", port: port)
            #expect(message.status == 429)
            #expect(message.bodyText.contains("grpc: received message larger than max"))
            let body = try await RawConnection.exchange(
                "POST /v3/kv/put HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n", port: port)
            #expect(body.status == 413)
        }
    }

    @Test("A thousand idle connections cost others nothing")
    func idle() async throws {
        try await with { port, member in
            var connections: [RawConnection] = []
            for _ in 0..<1_000 { connections.append(try await RawConnection.connect(port: port)) }
            _ = try await member.put("among", "1")
            for connection in connections { await connection.close() }
        }
    }

    @Test("A nesting that no message has is refused")
    func deep() async throws {
        try await with { port, _ in
            let deep =
                String(repeating: "{\"success\":[{\"request_txn\":", count: 2_000)
                + String(repeating: "}]}", count: 2_000)
            let response = try await post("/v3/kv/txn", deep, port: port)
            #expect(response.status == 400)
        }
    }

    @Test("A page of another origin that pretends another host is turned away")
    func hosts() async throws {
        try await TestCluster.with { settings in
            settings.allowedHosts = ["here"]
            settings.corsOrigins = ["https://good"]
        } _: { members in
            let port = try #require(try await members[0].server.clientAddress.port)
            func version(_ host: String, _ origin: String) async throws -> RawResponse {
                try await RawConnection.exchange(
                    "GET /version HTTP/1.1\r\nHost: \(host):1\r\nOrigin: \(origin)\r\nConnection: close\r\n\r\n",
                    port: port)
            }
            #expect(try await version("evil", "https://good").status == 421)
            let good = try await version("here", "https://good")
            #expect(good.status == 200)
            #expect(good.header("Access-Control-Allow-Origin") == "https://good")
            #expect(try await version("here", "https://bad").header("Access-Control-Allow-Origin") == nil)
        }
    }
}
