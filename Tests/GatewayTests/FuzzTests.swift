import ApusPrimitives
import NIOCore
import TestSupport
import Testing

@testable import ApusGateway

@Suite struct FuzzTests {
    /// Thousands of damaged requests, many at once: every answer is HTTP, no 5xx is an accident, nothing leaks, and the
    /// gateway serves as before.
    @Test func badRequestsNeverHurt() async throws {
        let server = try await ScriptedServer.start { request in
            .raw(
                "HTTP/1.1 200 OK\r\ncontent-length: \(request.path.utf8.count)\r\nx-path: 1\r\n\r\n"
                    + (request.method == "HEAD" ? "" : request.path))
        }
        try await Harness.run(
            servers: [server],
            changing: {
                $0.headerTimeout = .milliseconds(300)
                $0.bodyTimeout = .milliseconds(300)
                $0.idleTimeout = .milliseconds(300)
                $0.lingerTimeout = .milliseconds(100)
            }
        ) { harness in
            var seeds = SeededRandom(seed: 2026)
            let seen = try await Self.bother(harness, clients: 40, times: 150, &seeds)
            let statuses = seen.statuses
            #expect(statuses.isSuperset(of: [200, 400, 404, 405, 408, 413, 414, 417, 431]), "\(statuses)")
            #expect(try await harness.get("/api/alive").bodyText == "/api/alive")
            for request in server.requests {
                #expect(request.path.hasPrefix("/api"))
                #expect(request.all("host").count == 1)
                #expect(request.header("transfer-encoding") == nil || request.header("content-length") == nil)
            }
            try await harness.expectQuiet()
            #expect(seen.traces.count > 500)
            try await eventually { seen.traces.allSatisfy { $0.client == nil } }
        }
    }

    /// Holds on to nothing, so that it shows what somebody else holds on to.
    private struct Trace: @unchecked Sendable {  // Safe: it is only asked whether there is anything.
        weak var client: ClientHandler?
    }

    private struct Seen: Sendable {
        var statuses: Set<Int> = []
        /// Of connections that the gateway had at some moments; whatever belongs to one is freed with it.
        var traces: [Trace] = []

        mutating func look(at harness: Harness) async {
            for worker in harness.gateway.serving.withLock({ $0 }) {
                traces += await worker.perform { $0.clients.map { Trace(client: $0) } } ?? []
            }
        }
    }

    private static func bother(
        _ harness: Harness, clients: Int, times: Int, _ seeds: inout SeededRandom
    ) async throws -> Seen {
        try await withThrowingTaskGroup(of: Seen.self) { group in
            for _ in 0..<clients {
                let random = seeds.split()
                group.addTask { try await bother(harness, times, random) }
            }
            return try await group.reduce(into: Seen()) { all, one in
                all.statuses.formUnion(one.statuses)
                all.traces += one.traces
            }
        }
    }

    private static func bother(_ harness: Harness, _ count: Int, _ start: SeededRandom) async throws -> Seen {
        var random = start
        var seen = Seen()
        for number in 0..<count {
            let connection = try await harness.connect()
            let bytes = request(&random)
            let cut = Int.random(in: 0...bytes.count, using: &random)
            // The gateway may close in the middle, so that sending fails.
            do {
                try await connection.send(Array(bytes[..<cut]))
                try await connection.send(Array(bytes[cut...]))
            } catch {}
            switch Int.random(in: 0..<4, using: &random) {
            case 0: break
            case 1: try? await connection.finishSending()
            default:
                try await eventually { connection.isClosed || !connection.received.isEmpty }
            }
            let text = connection.receivedText
            if !text.isEmpty {
                #expect(text.hasPrefix("HTTP/1.1 "))
                let status = Int(text.dropFirst(9).prefix(3)) ?? 0
                #expect((100..<500).contains(status) || (502...504).contains(status), "\(status)")
                seen.statuses.insert(status)
            }
            if number % 10 == 0 { await seen.look(at: harness) }
            await connection.close()
        }
        return seen
    }

    private static func request(_ random: inout SeededRandom) -> [UInt8] {
        let methods = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "BREW", "", "PRI"]
        let paths = [
            "/api", "/api/x?y=z", "/", "/api/../internal", "/api/%2e%2e/x", "//api", "/api%00", "*", "http://a/api",
            "http://u@a/api", "/internal", "/api/%", "/\u{E9}", "api", "/" + String(repeating: "a", count: 9000),
        ]
        let versions = ["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "http/1.1", ""]
        let fields = [
            "Host: a", "Host: a, b", "Host:", "Content-Length: 5", "Content-Length: 500", "Content-Length: -1",
            "Content-Length: 5000000",
            "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Connection: close", "Connection: keep-alive, x",
            "Expect: 100-continue", "Expect: 200-ok", "X: \0", "X y: 1", " folded", "Upgrade: websocket",
            "apus-timeout-ms: 5",
            "apus-timeout-ms: x", "Idempotency-Key: 1", "traceparent: 00-x", "TE: trailers",
            "X: " + String(repeating: "a", count: 20_000),
        ]
        let bodies = [
            "", "hello", "5\r\nhello\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFF\r\n", "0\r\n\r\n", "zz\r\n",
            "GET / HTTP/1.1\r\n\r\n",
        ]
        func pick(_ list: [String], usually first: Int) -> String {
            Int.random(in: 0..<3, using: &random) > 0
                ? list[Int.random(in: 0..<first, using: &random)] : list.randomElement(using: &random) ?? ""
        }
        let lineEnd = Int.random(in: 0..<20, using: &random) == 0 ? "\n" : "\r\n"
        var text = "\(pick(methods, usually: 5)) \(pick(paths, usually: 2)) \(pick(versions, usually: 2))\(lineEnd)"
        if Int.random(in: 0..<8, using: &random) > 0 { text += "Host: a\(lineEnd)" }
        for _ in 0..<Int.random(in: 0...3, using: &random) { text += pick(fields, usually: 21) + lineEnd }
        var bytes = Array((text + lineEnd + pick(bodies, usually: 3)).utf8)
        for _ in 0..<Int.random(in: 0...2, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: index)
            case 2: bytes = Array(bytes[..<index])
            default: break
            }
        }
        return bytes
    }
}
