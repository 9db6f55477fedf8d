import ApusCoordination
import ApusHosting
import ApusKV
import ApusPrimitives
import ApusRPC
import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import TestSupport

@testable import shop

/// Instances of the shop's services, each on a loopback port of its own, over a store in memory.
struct ServiceBench: Sendable {
    struct Answer: Sendable {
        let status: Int
        let headers: [String: String]
        let body: [UInt8]

        var json: [String: JSONValue] {
            guard case .object(let members)? = try? JSONCoding.decode(JSONValue.self, from: body) else { return [:] }
            return members
        }

        func decode<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
            try JSONCoding.decode(type, from: body)
        }

        var slug: String? { try? decode(as: Problem.self).slug }
    }

    let store: EmbeddedStore
    let addresses: [ShopPart: ServiceAddress]
    let clock: MovableClock

    /// Starts one instance of each part, runs `body`, and stops them.
    static func run(_ parts: [ShopPart], _ body: (ServiceBench) async throws -> Void) async throws {
        let folder = try TemporaryDirectory()
        let store = EmbeddedStore()
        // The cost of a hash is not what these tests are about.
        try await store.put("apus/config/user/scrypt_log2_n", "10")
        try await store.put("apus/config/user/scrypt_p", "1")
        let clock = MovableClock(milliseconds: WallClock.system.milliseconds)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let directory = ServiceDirectory(store: store, logger: logger)
        let controls = ShopControls(store: store, allowsFaults: true, logger: logger)
        let client = PeerClient(ServiceClient(directory: directory), controls: controls)
        var hosts: [ShopPart: ServiceHost] = [:]
        for part in parts {
            let platform = ShopPlatform(
                instance: ShopInstance(part: part, id: "\(part.rawValue)-1"), store: store, directory: directory,
                client: client, data: folder.url, clock: clock.clock, logger: logger,
                controls: controls)
            hosts[part] = try await part.makeHost(platform)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            group.addTask { try await directory.run() }
            for service in controls.services { group.addTask { try await service.run() } }
            for host in hosts.values { group.addTask { try await host.run() } }
            var addresses: [ShopPart: ServiceAddress] = [:]
            for (part, host) in hosts {
                try await host.waitUntilReady()
                addresses[part] = try await host.boundAddress
            }
            try await eventually { parts.allSatisfy { !directory.instances(of: $0.rawValue).isEmpty } }
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(
                    try await body(ServiceBench(store: store, addresses: addresses, clock: clock)))
            } catch {
                outcome = .failure(error)
            }
            group.cancelAll()
            while let result = await group.nextResult() { _ = result }
            try outcome.get()
        }
        withExtendedLifetime(folder) {}
    }

    func call(
        _ method: String, _ part: ShopPart, _ path: String, token: String? = nil, headers: [(String, String)] = [],
        body: [UInt8]? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: addresses[part]!.url + path)
        request.method = .init(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let received = try await response.body.collect(upTo: 1 << 20)
        return Answer(
            status: Int(response.status.code),
            headers: Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first },
            body: Array(received.readableBytesView))
    }

    func call(
        _ method: String, _ part: ShopPart, _ path: String, token: String? = nil, fencing: Int64? = nil,
        json: JSONValue
    ) async throws -> Answer {
        var headers = [("content-type", "application/json")]
        if let fencing { headers.append((FencingToken.headerName, String(fencing))) }
        return try await call(
            method, part, path, token: token, headers: headers, body: try JSONCoding.encode(json))
    }

    static let password = "correct horse"

    /// Signs up and logs in.
    func newUser(_ email: String = "ada@example.org") async throws -> (id: String, tokens: AuthAPI.TokenResponse) {
        let created = try await call(
            "POST", .user, "/users", json: ["name": "Ada", "email": .string(email), "password": .string(Self.password)])
        let login = try await call(
            "POST", .auth, "/auth/login", json: ["email": .string(email), "password": .string(Self.password)])
        return (try created.decode(as: UserAPI.UserResponse.self).id, try login.decode())
    }
}
