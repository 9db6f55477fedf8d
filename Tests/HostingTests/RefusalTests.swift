import ApusHosting
import ApusRPC
import Hummingbird
import TestSupport
import Testing

/// Each bad request gets its status and a problem that says what is wrong.
@Suite struct RefusalTests {
    struct Line: Codable {
        let product: String
        let quantity: Int
    }

    struct Cart: ResponseCodable {
        let name: String
        let lines: [Line]
    }

    /// Its description must not reach the client.
    struct SecretError: Error, CustomStringConvertible {
        var description: String { "password=hunter2" }
    }

    static func run(_ body: (HostBench) async throws -> Void) async throws {
        try await HostBench.run(
            changing: {
                $0.maxBodyBytes = 4096
                $0.maxHeaderBytes = 1024
                $0.maxTargetBytes = 256
            },
            routes: { router in
                router.get("/cart") { _, _ in "cart" }
                router.post("/cart") { request, context in try await request.decode(as: Cart.self, context: context) }
                router.put("/cart") { request, context in
                    try await request.decodeStrictly(as: Cart.self, context: context)
                }
                router.post("/bytes") { request, context in
                    String(try await request.body.collect(upTo: context.maxUploadSize).readableBytes)
                }
                router.get("/secret") { _, _ -> String in throw SecretError() }
                router.get("/teapot") { _, _ in Response(status: .init(code: 418)) }
                router.get("/number/{n}") { _, context in String(try context.parameters.require("n", as: Int.self)) }
            }, body)
    }

    @Test func `an unknown path is 404, a wrong method 405 with Allow`() async throws {
        try await Self.run { bench in
            _ = try await bench.get("/nowhere").problem(404)
            let wrong = try await bench.ask(HostBench.text("DELETE", "/cart"))
            let problem = try wrong.problem(405)
            #expect(wrong.header("allow") == "GET, HEAD, POST, PUT")
            #expect(problem.detail?.contains("GET, HEAD, POST, PUT") == true)
            #expect(try await bench.ask(HostBench.text("POST", "/livez")).header("allow") == "GET, HEAD")
        }
    }

    @Test func `malformed JSON is 400 with line and column`() async throws {
        try await Self.run { bench in
            let problem = try await bench.post("/cart", "{\"name\": \"Ada\",\n \"lines\": [}").problem(400)
            #expect(problem.slug == "malformed-json")
            #expect(problem.extensions["line"] == 2)
            #expect(problem.extensions["column"] == 12)
            _ = try await bench.post("/cart", "").problem(400)
            _ = try await bench.post("/cart", #"{"name":"a","name":"b","lines":[]}"#).problem(400)
        }
    }

    @Test func `a wrong, missing or unknown field is named`() async throws {
        try await Self.run { bench in
            let wrong = try await bench.post(
                "/cart", #"{"name":"Ada","lines":[{"product":"mug","quantity":1},{"product":"cap","quantity":"two"}]}"#
            ).problem(422)
            #expect(wrong.extensions["field"] == "lines[1].quantity")
            #expect(wrong.detail == #""lines[1].quantity" must be a whole number."#)
            let missing = try await bench.post("/cart", #"{"lines":[]}"#).problem(422)
            #expect(missing.extensions["field"] == "name")
            #expect(try await bench.post("/cart", #"{"name":"Ada","lines":[],"more":1}"#).status == 200)
            let body = #"{"name":"Ada","lines":[{"product":"mug","quantity":1,"price":0}]}"#
            let strict = try await bench.ask(
                HostBench.text("PUT", "/cart", headers: "Content-Length: \(body.utf8.count)\r\n") + body
            ).problem(422)
            #expect(strict.extensions["field"] == "lines[0].price")
        }
    }

    @Test func `JSON nested too deep is 400`() async throws {
        try await Self.run { bench in
            let deep = String(repeating: "[", count: 1500) + String(repeating: "]", count: 1500)
            let problem = try await bench.post("/cart", deep).problem(400)
            #expect(problem.detail?.contains("nested deeper than 64") == true)
        }
    }

    @Test func `another media type is 415`() async throws {
        try await Self.run { bench in
            let body = #"{"name":"Ada","lines":[]}"#
            for type in ["text/plain", "application/xml", "application/json; charset=latin-1", "a/b/c", ""] {
                let answer = try await bench.post("/cart", body, type: type)
                _ = try answer.problem(415)
                #expect(answer.header("accept") == "application/json")
            }
            for type in ["application/json", "application/json;charset=UTF-8", "application/merge-patch+json", nil] {
                #expect(try await bench.post("/cart", body, type: type).status == 200)
            }
        }
    }

    @Test func `a body over the limit is 413, at the limit it is taken`() async throws {
        try await Self.run { bench in
            let full = String(repeating: "x", count: 4096)
            #expect(try await bench.post("/bytes", full).bodyText == "4096")
            let declared = try await bench.post("/bytes", full + "x").problem(413)
            #expect(declared.extensions["limit_bytes"] == 4096)
            // Without a length it is noticed while it arrives.
            let chunked = HostBench.text("POST", "/bytes", headers: "Transfer-Encoding: chunked\r\n")
            #expect(try await bench.ask(chunked + "1000\r\n\(full)\r\n0\r\n\r\n").bodyText == "4096")
            _ = try await bench.ask(chunked + "1000\r\n\(full)\r\n1\r\nx\r\n0\r\n\r\n").problem(413)
            // The announcement is enough: the client need not send what nobody will read.
            _ = try await bench.ask(HostBench.text("POST", "/bytes", headers: "Content-Length: 5000000\r\n")).problem(
                413)
        }
    }

    @Test func `a header section or target over the limit is 431 or 414`() async throws {
        try await Self.run { bench in
            let fits = "X: " + String(repeating: "a", count: 1000) + "\r\n"
            #expect(try await bench.get("/cart", headers: fits).status == 200)
            let large = try await bench.get("/cart", headers: fits + "Y: 123456789\r\n").problem(431)
            #expect(large.extensions["limit_bytes"] == 1024)
            _ = try await bench.get("/" + String(repeating: "p", count: 300)).problem(414)
            // Nothing waits for the end of a head that is too long already.
            _ = try await bench.ask("GET /cart HTTP/1.1\r\nX: " + String(repeating: "a", count: 2000)).problem(431)
            _ = try await bench.ask("GET /" + String(repeating: "p", count: 2000)).problem(414)
        }
    }

    @Test(arguments: [
        ("nonsense\r\n\r\n", 400), ("GET /cart HTTP/1.1\r\n\r\n", 400),
        ("GET /cart HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400), ("BREW /cart HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("POST /bytes HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /bytes HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
        ("POST /bytes HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", 400),
        ("POST /bytes HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400),
        ("POST /bytes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /bytes HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST /bytes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("GET /cart HTTP/1.1\r\nHost: a\r\nX y: 1\r\n\r\n", 400), ("GET /cart HTTP/2.0\r\nHost: a\r\n\r\n", 400),
        ("GET /cart HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417),
    ])
    func `HTTP that is broken or ambiguous is refused and the connection closed`(text: String, status: Int) async throws
    {
        try await Self.run { bench in
            let connection = try await bench.connect()
            try await connection.send(text)
            let answer = try await connection.response()
            _ = try answer.problem(status)
            #expect(answer.header("connection") == "close")
            try await connection.waitUntilClosed()
            await connection.close()
        }
    }

    @Test func `a handler's unknown error is a 500 that leaks nothing, and is logged`() async throws {
        try await Self.run { bench in
            let answer = try await bench.get("/secret")
            let problem = try answer.problem(500)
            #expect(!answer.description.contains("hunter2") && !answer.description.contains("SecretError"))
            let trace = try #require(problem.instance).dropFirst("urn:trace:".count)
            let line = try #require(bench.log.lines.first { $0.contains("hunter2") })
            #expect(line.contains(#""level":"error""#) && line.contains(#""trace_id":"\#(trace)""#))
        }
    }

    @Test func `a bare error status and a bad parameter become problems`() async throws {
        try await Self.run { bench in
            _ = try await bench.get("/teapot").problem(418)
            _ = try await bench.get("/number/seven").problem(400)
            #expect(try await bench.get("/number/7").bodyText == "7")
        }
    }
}
