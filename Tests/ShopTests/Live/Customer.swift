import ApusResilience
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Somebody who uses the shop over HTTP.
struct Customer: Sendable {
    struct Answer: Sendable {
        let status: Int
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }

        func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
            do {
                return try JSONDecoder().decode(type, from: Data(body))
            } catch {
                throw Unexpected(description: "\(status) is not \(type): \(text)")
            }
        }
    }

    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    let client: HTTPClient
    let doors: Doors
    let email: String
    var tokens: Tokens

    static let password = "swifts sleep aloft"

    /// Signs up and logs in. Hashing passwords takes its time without optimisation, so this tries again.
    init(_ name: String, client: HTTPClient, url: String) async throws {
        try await self.init(name, client: client, doors: Doors([url]))
    }

    init(_ name: String, client: HTTPClient, doors: Doors) async throws {
        self.client = client
        self.doors = doors
        email = "\(name)@example.com"
        let person = ["name": name, "email": email, "password": Self.password]
        let created = try await Self.untilAnswered {
            try await Self.call(client, .POST, "/users", at: doors, body: person)
        }
        // 409: the account was made by a try whose answer was lost.
        guard created.status == 201 || created.status == 409 else {
            throw Unexpected(description: "sign-up: \(created.status) \(created.text)")
        }
        tokens = try await Self.login(email, client: client, doors: doors)
    }

    /// Begins another session.
    mutating func logInAgain() async throws {
        tokens = try await Self.login(email, client: client, doors: doors)
    }

    private static func login(_ email: String, client: HTTPClient, doors: Doors) async throws -> Tokens {
        try await untilAnswered(also: [429]) {
            try await call(client, .POST, "/auth/login", at: doors, body: ["email": email, "password": password])
        }.decode()
    }

    func refresh() async throws -> Answer {
        try await Self.call(client, .POST, "/auth/refresh", at: doors, body: ["refresh_token": tokens.refresh])
    }

    func logOut() async throws -> Answer {
        try await Self.call(client, .POST, "/auth/logout", at: doors, token: tokens.access)
    }

    /// - Parameter token: another access token than the own one.
    func get(_ path: String, token: String? = nil) async throws -> Answer {
        try await Self.call(client, .GET, path, at: doors, token: token ?? tokens.access)
    }

    func add(_ product: String, quantity: Int) async throws -> Answer {
        struct Line: Encodable {
            let product: String
            let quantity: Int

            enum CodingKeys: String, CodingKey {
                case product = "product_id"
                case quantity
            }
        }
        return try await Self.call(
            client, .POST, "/cart", at: doors, token: tokens.access, body: Line(product: product, quantity: quantity))
    }

    func takeOut(_ product: String) async throws -> Answer {
        try await Self.call(client, .DELETE, "/cart/\(product)", at: doors, token: tokens.access)
    }

    func order(card: String, key: String?) async throws -> Answer {
        try await Self.call(
            client, .POST, "/orders", at: doors, token: tokens.access,
            headers: key.map { ["idempotency-key": $0] } ?? [:],
            body: ["card_number": card])
    }

    /// All orders of this customer, over all pages.
    func orders() async throws -> [Seen] {
        var all: [Seen] = []
        var cursor: String?
        repeat {
            let path = "/orders?limit=100" + (cursor.map { "&cursor=\($0)" } ?? "")
            let page = try await get(path).decode(Page.self)
            all += page.orders
            cursor = page.next
        } while cursor != nil
        return all
    }

    /// Repeats until there is an answer that is not "try again", for two minutes at most.
    ///
    /// - Parameters:
    ///   - also: statuses that are "try again" too.
    ///   - onRetry: told before each repetition.
    static func untilAnswered(
        also: Set<Int> = [], onRetry: () -> Void = {}, _ call: () async throws -> Answer
    ) async throws -> Answer {
        try await patience.run(classify: { $0 is CancellationError ? .stop : .retry }) { attempt in
            if attempt > 1 { onRetry() }
            // A call that fails got no answer: what it did is unknown, which is the point.
            let answer = try await call()
            guard ![502, 503, 504].contains(answer.status), !also.contains(answer.status) else {
                throw Unexpected(description: "\(answer.status) \(answer.text)")
            }
            return answer
        }
    }

    /// Tries again and again, twenty times a second.
    static let patience = RetryPolicy(
        maxAttempts: 2_400, baseDelay: .milliseconds(50), multiplier: 1, maxDelay: .milliseconds(50), jitter: .none)

    /// At the door in use; without an answer the next call uses another one.
    private static func call(
        _ client: HTTPClient, _ method: HTTPMethod, _ path: String, at doors: Doors, token: String? = nil,
        headers: [String: String] = [:], body: (any Encodable & Sendable)? = nil
    ) async throws -> Answer {
        let url = doors.url
        do {
            return try await call(client, method, url + path, token: token, headers: headers, body: body)
        } catch {
            doors.turn(from: url)
            throw error
        }
    }

    static func call(
        _ client: HTTPClient, _ method: HTTPMethod, _ url: String, token: String? = nil,
        headers: [String: String] = [:],
        body: (any Encodable & Sendable)? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(Array(try JSONEncoder().encode(body)))
        }
        let answer = try await client.execute(request, timeout: .seconds(20))
        let bytes = try await answer.body.collect(upTo: 4 << 20)
        return Answer(status: Int(answer.status.code), body: Array(bytes.readableBytesView))
    }
}

extension Customer {
    struct Tokens: Decodable, Sendable {
        let access: String
        let refresh: String

        enum CodingKeys: String, CodingKey {
            case access = "access_token"
            case refresh = "refresh_token"
        }
    }

    struct Placed: Decodable, Sendable {
        let id: String
        let status: String
        let total: Int64
    }

    struct Seen: Decodable, Sendable {
        struct Step: Decodable, Sendable {
            let name: String
            let phase: String
        }

        let id: String
        let status: String
        let reason: String?
        let steps: [Step]?
    }

    private struct Page: Decodable {
        let orders: [Seen]
        let next: String?

        enum CodingKeys: String, CodingKey {
            case orders
            case next = "next_cursor"
        }
    }

    struct Cart: Decodable, Sendable {
        struct Line: Decodable, Sendable {
            let product: String

            enum CodingKeys: String, CodingKey {
                case product = "product_id"
            }
        }

        let lines: [Line]
    }
}
