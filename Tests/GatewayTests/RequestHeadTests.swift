import ApusCoordination
import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGateway

@Suite struct RequestHeadTests {
    private func parse(_ text: String, settings: GatewaySettings = GatewaySettings()) -> Result<
        RequestHead, RequestFault
    > {
        var head = RequestHead()
        do throws(RequestFault) {
            try head.parse(ByteBuffer(string: text), settings: settings)
            return .success(head)
        } catch {
            return .failure(error)
        }
    }

    private func fault(_ text: String) -> RequestFault? {
        if case .failure(let fault) = parse(text) { return fault }
        return nil
    }

    @Test(arguments: [
        ("GET\r\n\r\n", RequestFault.malformedRequestLine),
        ("GET /\r\n\r\n", .malformedRequestLine),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET /a\u{7F} HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET / HTTP/1.11\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
        ("PRI * HTTP/2.0\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", .unsupportedVersion),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", .methodRefused),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", .methodRefused),
        ("GET / HTTP/1.1\r\n\r\n", .missingHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .repeatedHost),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", .repeatedHost),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", .malformedField),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .malformedField),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", .malformedField),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", .malformedField),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", .malformedField),
        ("GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n", .malformedField),
        ("GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n", .malformedField),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", .lengthAndEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .repeatedContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", .repeatedContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", .badContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", .unsupportedEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", .unsupportedEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", .unsupportedEncoding),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            .unsupportedEncoding
        ),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", .unsupportedEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\n", .unmetExpectation),
    ])
    func whatIsAmbiguousIsRefused(text: String, expected: RequestFault) {
        #expect(fault(text) == expected, "\(text.debugDescription)")
    }

    @Test func theBoundsAreBounds() {
        var settings = GatewaySettings()
        settings.maxTargetBytes = 8
        settings.maxHeaderFields = 2
        let long = parse("GET /1234567 HTTP/1.1\r\nHost: a\r\n\r\n", settings: settings)
        #expect(throws: Never.self) { try long.get() }
        #expect(throws: RequestFault.targetTooLong) {
            try parse("GET /12345678 HTTP/1.1\r\nHost: a\r\n\r\n", settings: settings).get()
        }
        #expect(throws: Never.self) { try parse("GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\n\r\n", settings: settings).get() }
        #expect(throws: RequestFault.tooManyFields) {
            try parse("GET / HTTP/1.1\r\nHost: a\r\nB: 1\r\nC: 1\r\n\r\n", settings: settings).get()
        }
    }

    @Test func aHeadSaysWhatMatters() throws {
        let head = try parse(
            "POST /a/b?c=d HTTP/1.1\r\nHost: shop:8080\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n"
                + "Idempotency-Key: k\r\napus-timeout-ms: 250\r\nConnection: close\r\n\r\n"
        ).get()
        #expect(head.method == .post)
        #expect(head.body == .bytes(12))
        #expect(head.expectsContinue)
        #expect(head.hasIdempotencyKey)
        #expect(head.isRepeatable)
        #expect(head.timeoutMilliseconds == 250)
        #expect(!head.keepAlive)
        #expect(text(head, head.path) == "/a/b")
        #expect(text(head, head.target) == "/a/b?c=d")
    }

    @Test func connectionDecidesAboutTheConnection() throws {
        func keepAlive(_ version: String, _ connection: String) throws -> Bool {
            try parse("GET / HTTP/\(version)\r\nHost: a\r\n\(connection)\r\n").get().keepAlive
        }
        #expect(try keepAlive("1.1", ""))
        #expect(try !keepAlive("1.0", ""))
        #expect(try keepAlive("1.0", "Connection: Keep-Alive\r\n"))
        #expect(try !keepAlive("1.1", "Connection: x, CLOSE\r\n"))
        #expect(try !keepAlive("1.0", "Connection: keep-alive\r\nConnection: close\r\n"))
    }

    @Test func whatConnectionNamesStaysHere() throws {
        let head = try parse(
            "GET /a HTTP/1.1\r\nHost: a\r\nX-Secret: 1\r\nX-Kept: 2\r\nTE: trailers\r\nIdempotency-Key: k\r\n"
                + "Connection: x-secret, te, host, idempotency-key, content-length\r\nKeep-Alive: 5\r\n"
                + "Proxy-Authorization: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n"
        ).get()
        #expect(!head.hasIdempotencyKey)
        let written = write(head)
        #expect(
            written == [
                "GET /a HTTP/1.1", "x-forwarded-host: a", "Host: a", "X-Kept: 2", "x-forwarded-for: 10.0.0.1",
                "x-forwarded-proto: http", "apus-timeout-ms: 900", "via: 1.1 apus",
            ])
    }

    @Test func anAbsoluteURLStandsInForHost() throws {
        let head = try parse("GET http://real:81?q HTTP/1.1\r\nHost: other\r\n\r\n").get()
        #expect(write(head).prefix(3) == ["GET /?q HTTP/1.1", "host: real:81", "x-forwarded-host: real:81"])
        let path = try parse("GET HTTP://real/x/y?q HTTP/1.1\r\nHost: other\r\n\r\n").get()
        #expect(text(path, path.path) == "/x/y")
    }

    @Test func forwardedFieldsOfAStrangerAreReplaced() throws {
        let text =
            "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX-Real-IP: 6\r\n\r\n"
        let head = try parse(text).get()
        #expect(!write(head).contains { $0.contains("6.6.6.6") })
        #expect(write(head, trusts: true).contains("X-Forwarded-For: 6.6.6.6"))
    }

    @Test func aStrangerGivesHimselfNoPriority() throws {
        let head = try parse("GET / HTTP/1.1\r\nHost: a\r\nApus-Priority: critical\r\n\r\n").get()
        #expect(!write(head).contains { $0.lowercased().hasPrefix("apus-priority") })
        #expect(write(head, trusts: true).contains("Apus-Priority: critical"))
    }

    @Test func aTrustedProxyKnowsTheWayBefore() throws {
        let head = try parse(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\n\r\n"
        ).get()
        func all(_ name: String, trusts: Bool) -> [String] {
            write(head, trusts: trusts).filter { $0.lowercased().hasPrefix(name) }
        }
        #expect(all("x-forwarded-proto", trusts: true) == ["X-Forwarded-Proto: https"])
        #expect(all("x-forwarded-host", trusts: true) == ["X-Forwarded-Host: shop"])
        #expect(all("x-forwarded-proto", trusts: false) == ["x-forwarded-proto: http"])
        #expect(all("x-forwarded-host", trusts: false) == ["x-forwarded-host: a"])
    }

    @Test func aHostThatIsAnAddressIsWrittenAsOne() {
        func authority(_ host: String) -> String {
            ClientHandler.authority(of: ServiceInstance(service: "a", id: "a", host: host, port: 80))
        }
        #expect(authority("10.0.0.1") == "10.0.0.1:80")
        #expect(authority("::1") == "[::1]:80")
    }

    @Test(arguments: [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", false),
        ("", false),
    ])
    func onlyAValidTraceIsPassedOn(traceparent: String, valid: Bool) throws {
        let head = try parse("GET / HTTP/1.1\r\nHost: a\r\ntraceparent: \(traceparent)\r\ntracestate: x=1\r\n\r\n")
            .get()
        #expect(head.hasTraceparent == valid)
        #expect(write(head).contains("tracestate: x=1") == valid)
    }

    @Test func everyCharacterIsInItsClass() {
        let token = Set(
            "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(ASCII.isToken(byte) == token.contains(byte))
            #expect(ASCII.isFieldValue(byte) == (byte == 9 || byte >= 32 && byte != 127))
        }
    }

    /// Whatever is cut, doubled or changed in a request, reading it ends in a head or a fault, and a head that passes is
    /// written out as something that passes again and means the same.
    @Test func anyDamageIsSurvived() throws {
        var random = SeededRandom(seed: 11)
        let seeds = [
            "POST /a/b?c=d HTTP/1.1\r\nHost: shop:8080\r\nContent-Length: 12\r\nConnection: x-a, close\r\nX-A: 1\r\n\r\n",
            "GET http://a/b HTTP/1.0\r\nTransfer-Encoding: chunked\r\nTE: x\r\nHost: b\r\nExpect: 100-continue\r\n\r\n",
        ].map { Array($0.utf8) }
        var passed = 0
        for _ in 0..<20_000 {
            var bytes = seeds.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(bytes[index], at: index)
                default: bytes.insert(contentsOf: bytes[index...].prefix(9), at: index)
                }
            }
            bytes += Array("\r\n\r\n".utf8)
            var scanner = HeadScanner()
            guard case .complete(let length) = bytes.withUnsafeBytes({ scanner.scan($0) }), length > 4 else { continue }
            guard case .success(let head) = parse(String(decoding: bytes[..<length], as: UTF8.self)) else { continue }
            passed += 1
            let again = try parse(write(head).joined(separator: "\r\n") + "\r\n\r\n").get()
            #expect(again.method == head.method)
            #expect(again.body == head.body)
        }
        #expect(passed > 1000)
    }

    @Test func theEndOfAHeadIsFoundHoweverItArrives() {
        let text = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\nrest".utf8)
        for cut in 0..<text.count {
            var scanner = HeadScanner()
            let first = text[..<cut].withUnsafeBytes { scanner.scan($0) }
            if first == .more {
                #expect(text.withUnsafeBytes { scanner.scan($0) } == .complete(text.count - 4))
            } else {
                #expect(first == .complete(text.count - 4))
            }
        }
        var scanner = HeadScanner()
        #expect(Array("GET / HTTP/1.1\n\n".utf8).withUnsafeBytes { scanner.scan($0) } == .bareLineFeed)
    }

    private func write(_ head: RequestHead, trusts: Bool = false) -> [String] {
        var out = ByteBuffer()
        head.write(
            to: &out,
            ForwardedFacts(
                clientAddress: "10.0.0.1", via: "apus", trustsForwarded: trusts, instanceAuthority: "one:1",
                timeLeft: 900, traceparent: nil))
        return String(buffer: out).split(separator: "\r\n").map(String.init)
    }

    private func text(_ head: RequestHead, _ span: Span) -> String {
        String(buffer: head.bytes.getSlice(at: Int(span.start), length: span.count) ?? ByteBuffer())
    }
}
