import ApusPrimitives

/// Bytes that a client should not send: from one flipped bit to plain noise.
enum BadRequest {
    static func bytes(using random: inout SeededRandom) -> [UInt8] {
        switch Int.random(in: 0..<12, using: &random) {
        case 0: return noise(Int.random(in: 1...2000, using: &random), using: &random)
        case 1: return Array(smuggled.randomElement(using: &random)!.utf8)
        case 2: return request(using: &random) + noise(64, using: &random)
        case 3: return (0..<Int.random(in: 2...20, using: &random)).flatMap { _ in request(using: &random) }
        default: return damaged(request(using: &random), using: &random)
        }
    }

    private static func noise(_ count: Int, using random: inout SeededRandom) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    private static func damaged(_ request: [UInt8], using random: inout SeededRandom) -> [UInt8] {
        var bytes = request
        for _ in 0..<Int.random(in: 0...2, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: index)
            case 2: bytes = Array(bytes[..<index])
            case 3: bytes.insert(0, at: index)
            default: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        }
        return bytes
    }

    private static func request(using random: inout SeededRandom) -> [UInt8] {
        func pick(_ list: [String], usually first: Int) -> String {
            Int.random(in: 0..<3, using: &random) > 0
                ? list[Int.random(in: 0..<first, using: &random)] : list.randomElement(using: &random)!
        }
        let end = Int.random(in: 0..<20, using: &random) == 0 ? "\n" : "\r\n"
        let body = pick(bodies, usually: 4)
        var text = "\(pick(methods, usually: 4)) \(pick(targets, usually: 3)) \(pick(versions, usually: 1))\(end)"
        if Int.random(in: 0..<8, using: &random) > 0 { text += "Host: a\(end)" }
        if Int.random(in: 0..<2, using: &random) == 0 { text += "Content-Length: \(body.utf8.count)\(end)" }
        for _ in 0..<Int.random(in: 0...3, using: &random) { text += pick(fields, usually: fields.count) + end }
        return Array((text + end).utf8) + Array(body.utf8)
            + (Int.random(in: 0..<10, using: &random) == 0 ? [0xFF, 0xFE, 0xC0, 0x80, 0] : [])
    }

    private static let methods = [
        "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI", "get", "BREW", "",
    ]
    private static let targets = [
        "/api", "/api/7", "/api?x=y", "/", "/livez", "/metrics", "/nowhere", "/api/../api", "/api/%2e%2e", "//api",
        "/api/%00", "/api/%", "/api/%FF%FE", "*", "http://a/api", "http://u:p@a:99999/api", "api", "/\u{E9}\u{1F985}",
        "/api/" + String(repeating: "a", count: 2000), "/api?" + String(repeating: "a=b&", count: 200), "",
    ]
    private static let versions = [
        "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "http/1.1", "SIP/2.0", "",
    ]
    private static let fields = [
        "Host: b", "Host:", "Content-Length: 5", "Content-Length: 50000", "Content-Length: -1",
        "Content-Length: 99999999999999999999", "Content-Length: 5, 5", "Content-Length: 0x5",
        "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked", "Connection: close", "Connection: keep-alive, x", "Connection: Upgrade",
        "Upgrade: websocket", "Expect: 100-continue", "Expect: x", "X: \0", "X y: 1", ": 1", " folded", "X",
        "X: \u{E9}",
        "Content-Type: application/json", "Content-Type: text/plain", "Content-Type: ;;;", "Content-Encoding: gzip",
        "apus-timeout-ms: 1", "apus-timeout-ms: x", "traceparent: 00-x", "tracestate: ,,=,", "TE: trailers",
        "X: " + String(repeating: "a", count: 5000), "Accept: */*",
    ]
    private static let bodies = [
        "", #"{"name":"mug","count":1}"#, #"{"name":"mug"}"#, "5\r\nhello\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFF\r\nx",
        "-1\r\nx\r\n", "0\r\nTrailer: x\r\n\r\n", "zz\r\n", "5;x=\"y\r\nhello", #"{"name":"#, "[[[[[[", "\u{0}\u{0}",
        #"{"name":"mug","count":1e999}"#, #"{"name":"\ud800","count":1}"#, #"{"count":1,"count":2}"#,
        String(repeating: "[", count: 10_000), String(repeating: "x", count: 20_000),
        "GET /api HTTP/1.1\r\nHost: a\r\n\r\n",
    ]
    /// A request in a request: two readers that disagree about the length would see two.
    private static let smuggled = [
        "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
        "POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 44\r\n\r\n0\r\n\r\nGET /api HTTP/1.1\r\n",
        "POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 3\r\n\r\nabc",
        "POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\u{0B}chunked\r\n\r\n0\r\n\r\n",
        "POST /api HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
        "POST /api HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\n\nGET /api HTTP/1.1\n\n",
        "GET /api HTTP/1.1\r\nHost: a\r\nX: 1\rContent-Length: 30\r\n\r\nGET /api HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\nGET /api HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /api HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}\u{0}\u{5}hello",
        "\r\n\r\n\r\n\r\nGET /api HTTP/1.1\r\nHost: a\r\n\r\n",
    ]
}
