import ApusCoordination
import ApusRPC
import ApusResilience
import Logging
import TestSupport

/// A `ServiceClient` with the instances of the service "api" that a test registers.
struct ClientBench: Sendable {
    struct Thing: Codable, Equatable {
        var name: String
    }

    let client: ServiceClient
    let directory: ServiceDirectory
    let registry: ServiceRegistry

    static func run(
        _ servers: [StubServer] = [], others: [ServiceInstance] = [], time: TimeSource = .continuous,
        changing: (inout ServiceClientSettings) -> Void = { _ in }, _ body: (ClientBench) async throws -> Void
    ) async throws {
        var settings = ServiceClientSettings()
        changing(&settings)
        let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
        let store = EmbeddedStore()
        let directory = ServiceDirectory(store: store, logger: silent)
        let bench = ClientBench(
            client: ServiceClient(directory: directory, settings: settings, time: time, logger: silent),
            directory: directory, registry: ServiceRegistry(store: store, logger: silent))
        let instances = servers.map { $0.instance() } + others
        for instance in instances { try await bench.registry.register(instance) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await directory.run() }
            defer { group.cancelAll() }
            try await directory.waitUntilReady()
            try await eventually { directory.instances(of: "api").count == instances.count }
            try await body(bench)
        }
        for server in servers { await server.close() }
    }

    func get(_ path: String = "/thing") async throws -> Thing { try await client.get("api", path) }

    func send(_ method: String, key: String? = nil, timeout: Duration? = nil) async throws -> ServiceResponse {
        try await client.send(
            ServiceRequest(method, "/thing", body: [0x78], idempotencyKey: key, timeout: timeout), to: "api")
    }
}
