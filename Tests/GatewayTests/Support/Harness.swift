import ApusCoordination
import ApusObservability
import ApusPrimitives
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import TestSupport
import Testing

@testable import ApusGateway

/// A running gateway on a free port, with instances that a test sets.
final class Harness: Sendable {
    let gateway: Gateway
    let port: Int
    let metrics: PrometheusRegistry
    private let table: Locked<[ServiceInstance]>

    private init(gateway: Gateway, port: Int, metrics: PrometheusRegistry, table: Locked<[ServiceInstance]>) {
        self.gateway = gateway
        self.port = port
        self.metrics = metrics
        self.table = table
    }

    func set(_ instances: [ServiceInstance]) {
        table.withLock { $0 = instances }
    }

    func connect(reads: Bool = true) async throws -> RawConnection {
        try await RawConnection.connect(port: port, reads: reads)
    }

    /// One request on a connection of its own.
    func ask(_ text: String) async throws -> RawResponse {
        try await RawConnection.exchange(text, port: port)
    }

    func get(_ path: String, headers: String = "") async throws -> RawResponse {
        try await ask("GET \(path) HTTP/1.1\r\nHost: shop.example\r\n\(headers)\r\n")
    }

    /// Waits until nothing is under way any more, and checks that nothing leaked.
    func expectQuiet(clients: Int = 0) async throws {
        do {
            try await eventually {
                let now = await self.gateway.snapshot()
                return now.exchanges == 0 && now.inFlight == 0 && now.clients == clients
                    && now.upstreams == now.idleUpstreams
            }
        } catch {
            Issue.record("not quiet: \(await gateway.snapshot())")
        }
    }

    /// - Parameter changing: settings other than the defaults.
    static func run(
        routes: [GatewayRoute] = [GatewayRoute(.prefix("/api"), to: "api")], servers: [ScriptedServer] = [],
        changing: (inout GatewaySettings) -> Void = { _ in },
        _ body: (Harness) async throws -> Void
    ) async throws {
        var settings = GatewaySettings(port: 0)
        settings.eventLoopGroup = MultiThreadedEventLoopGroup.singleton.next()
        changing(&settings)
        let table = Locked(servers.map { $0.instance(of: "api") })
        let metrics = PrometheusRegistry(includesProcess: false)
        let gateway = Gateway(
            routes: routes, instances: { name in table.withLock { $0.filter { $0.service == name } } },
            settings: settings, metrics: metrics, health: HealthRegistry(),
            logger: .silent)
        try await withThrowingTaskGroup { group in
            group.addTask { try await gateway.run() }
            let address = try await gateway.boundAddress
            let harness = Harness(gateway: gateway, port: address.port ?? 0, metrics: metrics, table: table)
            do {
                try await body(harness)
            } catch {
                group.cancelAll()
                throw error
            }
            group.cancelAll()
            try? await group.waitForAll()
        }
        for server in servers { await server.kill() }
    }
}
