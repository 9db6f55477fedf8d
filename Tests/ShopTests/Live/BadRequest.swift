import ApusPrimitives
import Crypto
import Foundation

@testable import shop

/// One request as bytes, and what its client does while sending it.
struct BadRequest: Sendable {
    enum Manner: Sendable, CaseIterable {
        /// Sends all of it and reads the answer.
        case whole
        /// Sends all of it in small pieces.
        case inPieces
        /// Sends the beginning, ends its sending direction, and reads what comes.
        case truncated
        /// Sends the beginning and goes away.
        case disconnecting
        /// Sends all of it and goes away without reading.
        case unread
    }

    let bytes: [UInt8]
    let manner: Manner
    let isHead: Bool

    var text: String { String(decoding: bytes.prefix(400), as: UTF8.self) }
}

/// Makes bad requests out of good ones, the same for the same seed.
struct BadRequestMaker {
    private struct Draft {
        var method: String
        var target: String
        var headers: [(name: String, value: String)]
        var body: [UInt8]
        var version = "HTTP/1.1"
    }

    /// A token that is accepted, and whatever must not be.
    let goodToken: String
    let badTokens: [String]
    let orderID: String
    let userID: String

    func make(using random: inout SeededRandom) -> BadRequest {
        var draft = valid(using: &random)
        for _ in 0..<Int.random(in: 1...3, using: &random) { spoil(&draft, using: &random) }
        var head = "\(draft.method) \(draft.target) \(draft.version)\r\n"
        for (name, value) in draft.headers { head += "\(name): \(value)\r\n" }
        var bytes = Array(head.utf8) + Array("\r\n".utf8) + draft.body
        if Int.random(in: 0..<20, using: &random) == 0 {
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
        }
        var manner = BadRequest.Manner.whole
        if Int.random(in: 0..<4, using: &random) == 0 {
            manner = BadRequest.Manner.allCases.randomElement(using: &random) ?? .whole
        }
        if manner == .truncated || manner == .disconnecting {
            bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
        }
        return BadRequest(bytes: bytes, manner: manner, isHead: draft.method == "HEAD")
    }

    private func valid(using random: inout SeededRandom) -> Draft {
        let routes: [(String, String, String?)] = [
            ("GET", "/products", nil), ("GET", "/", nil), ("GET", "/.well-known/jwks.json", nil),
            ("POST", "/users", #"{"name":"Eve","email":"eve@example.com","password":"short"}"#),
            ("GET", "/users/\(userID)", nil),
            ("POST", "/auth/login", #"{"email":"nobody@example.com","password":""}"#),
            ("POST", "/auth/refresh", #"{"refresh_token":"none"}"#), ("POST", "/auth/logout", nil),
            ("GET", "/cart", nil), ("POST", "/cart", #"{"product_id":"nest-box","quantity":1}"#),
            ("DELETE", "/cart/nest-box", nil), ("POST", "/orders", #"{"card_number":"4000000000000002"}"#),
            ("GET", "/orders?limit=2", nil), ("GET", "/orders/\(orderID)", nil),
            ("GET", "/internal/orders/recent", nil), ("GET", "/internal/carts/\(userID)", nil),
            ("POST", "/internal/reservations", #"{"order_id":"X","lines":[{"product_id":"nest-box","quantity":-1}]}"#),
            ("POST", "/internal/charges", #"{"order_id":"X","amount":-1,"currency":"EUR","card_token":"none"}"#),
            ("POST", "/internal/cards", #"{"card_number":"1"}"#), ("GET", "/readyz", nil), ("GET", "/metrics", nil),
        ]
        let (method, target, body) = routes.randomElement(using: &random) ?? routes[0]
        var headers = [("host", "shop.example")]
        // Logging out for real would leave nothing to be let in with.
        if target != "/auth/logout" { headers.append(("authorization", "Bearer \(goodToken)")) }
        if let body {
            headers.append(("content-type", "application/json"))
            headers.append(("content-length", "\(body.utf8.count)"))
        }
        return Draft(method: method, target: target, headers: headers, body: Array((body ?? "").utf8))
    }

    private func spoil(_ draft: inout Draft, using random: inout SeededRandom) {
        switch Int.random(in: 0..<13, using: &random) {
        case 0:
            draft.method = pick(["PUT", "PATCH", "TRACE", "CONNECT", "OPTIONS", "get", "G\tT", "", "HEAD"], &random)
        case 1: spoilTarget(&draft, using: &random)
        case 2, 3: setToken(pick(badTokens, &random), in: &draft)
        case 4: spoilFraming(&draft, using: &random)
        case 5: spoilHeaders(&draft, using: &random)
        case 6: setBody(Array(draft.body.prefix(Int.random(in: 0...draft.body.count, using: &random))), in: &draft)
        case 7: draft.version = pick(["HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/9", ""], &random)
        case 8: setBody(badText(in: draft.body, using: &random), in: &draft)
        default: setBody(Array(badBody(using: &random).utf8), in: &draft)
        }
    }

    /// Bytes that are no UTF-8 somewhere in a body: a lone continuation, an overlong slash, a surrogate, a cut sequence.
    private func badText(in body: [UInt8], using random: inout SeededRandom) -> [UInt8] {
        let sequences: [[UInt8]] = [
            [0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF8, 0x88, 0x80], [0xFF],
        ]
        var body = body
        let place = Int.random(in: 0...body.count, using: &random)
        body.insert(contentsOf: sequences.randomElement(using: &random) ?? [0xFF], at: place)
        return body
    }

    private func spoilTarget(_ draft: inout Draft, using random: inout SeededRandom) {
        let targets = [
            "/nowhere", "//", "/orders/../users", "/orders/%2e%2e/internal/orders/recent", "/orders/%00", "/orders/%zz",
            "/orders/" + String(repeating: "x", count: 300), "/" + String(repeating: "a/", count: 6000), "*",
            "http://other.example/orders", "orders", "/orders?limit=-1", "/orders?limit=99999999999999999999",
            "/orders?limit=1&limit=2", "/orders?cursor=%F0%28%8C", "/internal/orders/recent?limit=100000",
            "/users/'%20OR%201=1", "/cart/nest-box%0d%0aX:%201", "/products?x=" + String(repeating: "y", count: 9000),
            "",
        ]
        draft.target = pick(targets, &random)
    }

    private func spoilFraming(_ draft: inout Draft, using random: inout SeededRandom) {
        draft.headers.removeAll { $0.name == "content-length" }
        switch Int.random(in: 0..<7, using: &random) {
        case 0:
            draft.headers.append(
                ("content-length", pick(["-1", "abc", "1,2", "99999999999999999999", "+5", ""], &random)))
        case 1: draft.headers += [("content-length", "5"), ("content-length", "6")]
        case 2: draft.headers += [("content-length", "3"), ("transfer-encoding", "chunked")]
        case 3:
            draft.headers.append(
                ("transfer-encoding", pick(["chunked", "gzip", "chunked, chunked", "xchunked"], &random)))
            draft.body = Array(
                pick(["zz\r\n", "5\r\nab", "-1\r\n\r\n", "ffffffffffffffff\r\n", "0\r\n\r\n"], &random).utf8)
        case 4: draft.headers.append(("content-length", "2000000"))
        case 5:
            draft.body = [UInt8](repeating: UInt8(ascii: "x"), count: 1_200_000)
            draft.headers.append(("content-length", "\(draft.body.count)"))
        default: draft.headers += [("expect", "100-continue"), ("content-length", "\(draft.body.count)")]
        }
    }

    private func spoilHeaders(_ draft: inout Draft, using random: inout SeededRandom) {
        switch Int.random(in: 0..<7, using: &random) {
        case 0: draft.headers.append(("x-big", String(repeating: "x", count: 20_000)))
        case 1: draft.headers += (0..<300).map { ("x-\($0)", "1") }
        case 2: draft.headers.append((pick(["bad name", "", "x:y", "é"], &random), "1"))
        case 3:
            draft.headers.append(
                ("idempotency-key", pick(["", "two words", String(repeating: "k", count: 256), "é"], &random)))
        case 4:
            draft.headers.append(
                (
                    "content-type",
                    pick(["text/plain", "application/xml", "", "application/json; charset=utf-16"], &random)
                ))
        case 5: draft.headers.removeAll { $0.name == "host" }
        default:
            draft.headers.append(("apus-timeout-ms", pick(["-5", "0", "x", "99999999999999999999", "1"], &random)))
        }
    }

    private func badBody(using random: inout SeededRandom) -> String {
        pick(
            [
                "", "null", "[]", "42", "{", "{\"", "\u{FEFF}{}", "{\"product_id\":\"nest-box\"}",
                #"{"product_id":"nest-box","quantity":-1}"#, #"{"product_id":"nest-box","quantity":0}"#,
                #"{"product_id":"nest-box","quantity":1e400}"#, #"{"product_id":"nest-box","quantity":1.5}"#,
                #"{"product_id":"nest-box","quantity":99999999999999999999999}"#,
                #"{"product_id":"nest-box","quantity":9223372036854775807}"#,
                #"{"product_id":"no-such-thing","quantity":1}"#, #"{"product_id":7,"quantity":"1"}"#,
                #"{"product_id":"\#u{0000}","quantity":1}"#, #"{"product_id":"nest-box","quantity":1,"price":0}"#,
                #"{"card_number":"4242424242424241"}"#, #"{"card_number":""}"#, #"{"card_number":null}"#,
                #"{"card_number":["4242424242424242"]}"#, #"{"card_number":"4000000000000002","amount":1}"#,
                #"{"name":"","email":"not an address","password":""}"#,
                #"{"name":"\ud800","email":"a@b","password":"x"}"#,
                #"{"name":"a","name":"b","email":"x@example.com","password":"p"}"#,
                String(repeating: "[", count: 5000), String(repeating: "{\"a\":", count: 3000),
                "\"" + String(repeating: "x", count: 70_000) + "\"",
            ], &random)
    }

    private func setToken(_ token: String, in draft: inout Draft) {
        draft.headers.removeAll { $0.name == "authorization" }
        if !token.isEmpty { draft.headers.append(("authorization", token)) }
    }

    private func setBody(_ body: [UInt8], in draft: inout Draft) {
        draft.body = body
        draft.headers.removeAll { $0.name == "content-length" }
        draft.headers.append(("content-length", "\(body.count)"))
    }

    private func pick(_ values: [String], _ random: inout SeededRandom) -> String {
        values.randomElement(using: &random) ?? ""
    }
}

extension BadRequestMaker {
    /// Tokens that look like `good` and are not: expired, of another key, unsigned, altered.
    static func badTokens(like good: String, userID: String) throws -> [String] {
        let parts = good.split(separator: ".").map(String.init)
        let foreign = P256.Signing.PrivateKey()
        func claims(expiresAt: Int64, issuer: String = AccessToken.issuer) -> AccessToken.Claims {
            AccessToken.Claims(
                issuer: issuer, audience: AccessToken.audience, subject: userID, sessionID: "S", tokenID: "T",
                issuedAt: 1, notBefore: 1, expiresAt: expiresAt)
        }
        func unsigned(_ header: String) -> String {
            "Bearer " + Base64URL.encode(Array(header.utf8)) + "." + parts[1] + "."
        }
        let kid = "key-1"
        return [
            "", "Bearer", "Bearer ", "Basic \(good)", "Bearer x", "Bearer ..", "Bearer a.b.c",
            "Bearer " + String(repeating: "x", count: 10_000), "Bearer \(parts[0]).\(parts[1]).", "Bearer \(good)x",
            "Bearer \(parts[0]).\(parts[1]).\(String(parts[2].reversed()))", "Bearer \(good) \(good)",
            unsigned(#"{"alg":"none","typ":"at+jwt"}"#), unsigned(#"{"alg":"None","typ":"at+jwt","kid":"key-1"}"#),
            unsigned(#"{"alg":"HS256","typ":"at+jwt","kid":"key-1"}"#),
            "Bearer " + (try AccessToken.sign(claims(expiresAt: 4_000_000_000), with: foreign, keyID: kid)),
            "Bearer " + (try AccessToken.sign(claims(expiresAt: 2), with: foreign, keyID: kid)),
            "Bearer " + (try AccessToken.sign(claims(expiresAt: .max, issuer: "me"), with: foreign, keyID: "../key")),
        ]
    }
}
