import ApusPrimitives
import ApusRPC
import Foundation
import Testing

@testable import shop

/// Seeded random requests, most of them bad, against every service: none is answered with an error of the server's own.
@Suite struct ServiceAbuseTests {
    static let requestsPerService = 1200

    struct Attack: Sendable {
        var method: String
        var path: String
        var headers: [(String, String)] = []
        var body: [UInt8]?
    }

    /// Each service's paths with a right body, as the material that attacks are made from.
    static let targets: [ShopPart: [(String, String, JSONValue?)]] = [
        .user: [
            ("POST", "/users", ["name": "Ada", "email": "ada@example.org", "password": "correct horse"]),
            ("GET", "/users/x", nil),
            ("POST", "/internal/credentials/verify", ["email": "ada@example.org", "password": "correct horse"]),
        ],
        .auth: [
            ("POST", "/auth/login", ["email": "ada@example.org", "password": "correct horse"]),
            ("POST", "/auth/refresh", ["refresh_token": "abc"]), ("POST", "/auth/logout", ["refresh_token": "abc"]),
            ("GET", "/.well-known/jwks.json", nil),
        ],
        .cart: [
            ("GET", "/cart", nil), ("POST", "/cart", ["product_id": "enamel-mug", "quantity": 1]),
            ("DELETE", "/cart/enamel-mug", nil), ("GET", "/internal/carts/u1", nil),
            ("POST", "/internal/carts/u1/checkout", ["order_id": "o1", "version": 1]),
            ("POST", "/internal/carts/u1/restore", ["order_id": "o1"]),
        ],
        .inventory: [
            ("GET", "/products", nil), ("GET", "/products/enamel-mug", nil), ("GET", "/internal/products?ids=a,b", nil),
            (
                "POST", "/internal/reservations",
                ["order_id": "o1", "lines": [["product_id": "enamel-mug", "quantity": 1]]]
            ),
            ("POST", "/internal/reservations/o1/commit", [:]), ("POST", "/internal/reservations/o1/release", [:]),
        ],
        .payment: [
            ("POST", "/internal/cards", ["card_number": "4242424242424242"]),
            (
                "POST", "/internal/charges",
                ["order_id": "o1", "amount": 100, "currency": "EUR", "card_token": "abc"]
            ),
            ("POST", "/internal/charges/o1/refund", [:]),
        ],
    ]

    @Test(arguments: [ShopPart.user, .auth, .cart, .inventory, .payment])
    func `random bad requests never get a 5xx`(part: ShopPart) async throws {
        try await ServiceBench.run([.user, .auth, .cart, .inventory, .payment]) { bench in
            let token = try await bench.newUser("mallory@example.org").tokens.accessToken
            var random = SeededRandom(seed: 20_261_121)
            let attacks = (0..<Self.requestsPerService).map { _ in
                Self.attack(on: part, token: token, using: &random)
            }
            let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
                for lane in 0..<8 {
                    group.addTask {
                        var statuses: [Int] = []
                        for attack in attacks[lane...].enumerated().filter({ $0.offset % 8 == 0 }).map(\.element) {
                            let answer = try await bench.call(
                                attack.method, part, attack.path, headers: attack.headers, body: attack.body)
                            statuses.append(answer.status)
                            if answer.status >= 500 {
                                Issue.record(
                                    "\(attack): \(answer.status) \(String(decoding: answer.body, as: UTF8.self))")
                            } else if answer.status >= 400, attack.method != "HEAD" {
                                #expect(answer.json["status"] == .integer(Int64(answer.status)))
                            }
                        }
                        return statuses
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(statuses.count == Self.requestsPerService)
            #expect(statuses.contains { (400..<500).contains($0) })
            // It still works. The attacks on logging out have ended the first session.
            let after = try await bench.newUser("afterwards@example.org").tokens.accessToken
            #expect(try await bench.call("GET", part, "/readyz").status == 200)
            #expect(try await bench.call("GET", .cart, "/cart", token: after).status == 200)
        }
    }

    static func attack(on part: ShopPart, token: String, using random: inout SeededRandom) -> Attack {
        let (method, path, body) = targets[part]!.randomElement(using: &random)!
        var attack = Attack(method: method, path: path)
        if Int.random(in: 0..<10, using: &random) == 0 {
            attack.method = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"]
                .randomElement(using: &random)!
        }
        if Int.random(in: 0..<5, using: &random) == 0 { attack.path = mutate(path: path, using: &random) }
        if Int.random(in: 0..<4, using: &random) > 0 {
            let bearer = Int.random(in: 0..<2, using: &random) == 0 ? token : mutate(text: token, using: &random)
            attack.headers.append(("authorization", "Bearer \(bearer)"))
        }
        if Int.random(in: 0..<5, using: &random) > 0 {
            let fence = ["0", "1", "7", "-1", "", "9223372036854775807", "99999999999999999999", "1e3", "٣"]
            attack.headers.append((FencingToken.headerName, fence.randomElement(using: &random)!))
        }
        if Int.random(in: 0..<8, using: &random) > 0 {
            let types = [
                "application/json", "application/json; charset=utf-8", "text/plain", "application/xml", "a/b/c",
            ]
            attack.headers.append(
                (
                    "content-type",
                    Int.random(in: 0..<3, using: &random) > 0 ? types[0] : types.randomElement(using: &random)!
                ))
        }
        if let body, attack.method != "GET", attack.method != "HEAD" {
            attack.body = bytes(of: mutate(body, depth: 0, using: &random), using: &random)
        }
        return attack
    }

    private static func bytes(of value: JSONValue, using random: inout SeededRandom) -> [UInt8] {
        var bytes = (try? JSONCoding.encode(value)) ?? []
        switch Int.random(in: 0..<8, using: &random) {
        case 0: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
        case 1 where !bytes.isEmpty:
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        case 2: bytes = Array(String(repeating: "[", count: Int.random(in: 0..<3000, using: &random)).utf8)
        default: break
        }
        return bytes
    }

    private static let strange: [JSONValue] = [
        .null, true, 0, -1, 1001, .integer(.max), .integer(.min), 1.5, 1e300, "", " ", "a/b", "' OR '1'='1", "a\u{0}b",
        "\u{202E}x", "💳", "../../etc/passwd", [], [1, 2], [:], ["a": 1], .string(String(repeating: "x", count: 5000)),
        .array(Array(repeating: ["product_id": "enamel-mug", "quantity": 1], count: 300)), "enamel-mug",
        "4242 4242 4242 4242", "ADA@EXAMPLE.ORG", "wrong horse battery",
    ]

    private static func mutate(_ value: JSONValue, depth: Int, using random: inout SeededRandom) -> JSONValue {
        if Int.random(in: 0..<6, using: &random) == 0 { return strange.randomElement(using: &random)! }
        switch value {
        case .object(let members):
            var changed: [String: JSONValue] = [:]
            for name in members.keys.sorted() where Int.random(in: 0..<12, using: &random) > 0 {
                changed[name] = mutate(members[name]!, depth: depth + 1, using: &random)
            }
            if Int.random(in: 0..<12, using: &random) == 0 {
                changed["extra"] = strange.randomElement(using: &random)!
            }
            return .object(changed)
        case .array(let elements):
            return .array(elements.map { mutate($0, depth: depth + 1, using: &random) })
        default: return value
        }
    }

    private static func mutate(path: String, using random: inout SeededRandom) -> String {
        let endings = [
            "/", "/x", "/%00", "/%2e%2e/%2f", "?a=b&a=c", "?ids=", "//", "/" + String(repeating: "y", count: 300),
            "%zz",
        ]
        return path + endings.randomElement(using: &random)!
    }

    private static func mutate(text: String, using random: inout SeededRandom) -> String {
        var bytes = Array(text.utf8)
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 33...126, using: &random)
        return String(decoding: bytes, as: UTF8.self)
    }
}
