import ApusRPC
import AsyncHTTPClient
import NIOHTTP1

@testable import shop

/// Somebody who changes the settings of a shop that runs.
struct Operator: Sendable {
    let client: HTTPClient
    let url: String

    init(client: HTTPClient, url: String) {
        self.client = client
        self.url = url
    }

    init(of shop: LiveShop, client: HTTPClient) throws {
        self.client = client
        guard let port = shop.instances.first(where: { $0.id == "dashboard-1" })?.port else {
            throw Customer.Unexpected(description: "there is no dashboard: \(shop.output)")
        }
        url = "http://127.0.0.1:\(port)/internal/settings"
    }

    func set(_ namespace: String, _ key: String, to value: JSONValue) async throws -> Customer.Answer {
        try await Customer.call(client, .PUT, "\(url)/\(namespace)/\(key)", body: ["value": value])
    }

    func reset(_ namespace: String, _ key: String) async throws -> Customer.Answer {
        try await Customer.call(client, .DELETE, "\(url)/\(namespace)/\(key)")
    }

    /// - Throws: when it is refused.
    func mustSet(_ namespace: String, _ key: String, to value: JSONValue) async throws {
        let answer = try await set(namespace, key, to: value)
        guard answer.status == 200 else { throw Customer.Unexpected(description: "\(key): \(answer.text)") }
    }

    /// Passwords are hashed in no time: what that costs is not what a test is about.
    func makeSignUpCheap() async throws {
        try await mustSet("user", "scrypt_log2_n", to: 10)
        try await mustSet("user", "scrypt_p", to: 1)
    }
}
