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

    let client: HTTPClient
    let url: String
    let email: String
    let token: String

    static let password = "swifts sleep aloft"

    /// Signs up and logs in.
    init(_ name: String, client: HTTPClient, url: String) async throws {
        self.client = client
        self.url = url
        email = "\(name)@example.com"
        let person = ["name": name, "email": email, "password": Self.password]
        let created = try await Self.call(client, .POST, url + "/users", body: person)
        guard created.status == 201 else { throw Unexpected(description: "sign-up: \(created.status) \(created.text)") }
        let login = try await Self.call(
            client, .POST, url + "/auth/login", body: ["email": email, "password": Self.password])
        struct Tokens: Decodable {
            let access_token: String
        }
        token = try login.decode(Tokens.self).access_token
    }

    func get(_ path: String) async throws -> Answer {
        try await Self.call(client, .GET, url + path, token: token)
    }

    func add(_ product: String, quantity: Int) async throws -> Answer {
        struct Line: Encodable {
            let product_id: String
            let quantity: Int
        }
        return try await Self.call(
            client, .POST, url + "/cart", token: token, body: Line(product_id: product, quantity: quantity))
    }

    func order(card: String, key: String?) async throws -> Answer {
        try await Self.call(
            client, .POST, url + "/orders", token: token, headers: key.map { ["idempotency-key": $0] } ?? [:],
            body: ["card_number": card])
    }

    /// All orders of this customer, over all pages.
    func orders() async throws -> [Seen] {
        struct Page: Decodable {
            let orders: [Seen]
            let next_cursor: String?
        }
        var all: [Seen] = []
        var cursor: String?
        repeat {
            let path = "/orders?limit=100" + (cursor.map { "&cursor=\($0)" } ?? "")
            let page = try await get(path).decode(Page.self)
            all += page.orders
            cursor = page.next_cursor
        } while cursor != nil
        return all
    }

    static func call(
        _ client: HTTPClient, _ method: HTTPMethod, _ url: String, token: String? = nil, headers: [String: String] = [:],
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
