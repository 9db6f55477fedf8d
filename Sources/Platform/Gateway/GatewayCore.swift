import ApusCoordination
import ApusObservability
import ApusPrimitives
import CoreMetrics
import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the event loops of one gateway share.
final class GatewayCore: Sendable {
    let settings: GatewaySettings
    let routes: RouteTable
    let instances: @Sendable (String) -> [ServiceInstance]
    let registry: PrometheusRegistry?
    let health: HealthRegistry
    let logger: Logger
    /// `GatewaySettings.maxConnections`, lowered to what the limit on open files allows: each may need two.
    let maxConnections: Int
    private let connections = Locked(0)

    init(
        routes: [GatewayRoute], instances: @escaping @Sendable (String) -> [ServiceInstance],
        settings: GatewaySettings, registry: PrometheusRegistry?, health: HealthRegistry, logger: Logger
    ) {
        self.settings = settings
        self.routes = RouteTable(routes, hiddenPrefixes: settings.hiddenPrefixes)
        self.instances = instances
        self.registry = registry
        self.health = health
        self.logger = logger
        maxConnections = max(1, min(settings.maxConnections, (Self.openFileLimit() - Self.reservedFiles) / 2))
    }

    /// Where the metrics go.
    var factory: any MetricsFactory { registry ?? MetricsSystem.factory }

    var connectionCount: Int { connections.withLock { $0 } }

    func connectionOpened() -> Int {
        connections.withLock { count in
            count += 1
            return count
        }
    }

    func connectionClosed() -> Int {
        connections.withLock { count in
            count -= 1
            return count
        }
    }

    func readiness() async -> OwnResponse {
        let report = await health.report(.readiness)
        return OwnResponse(
            status: report.httpStatus, reason: report.isUp ? "OK" : "Service Unavailable",
            headers: [("content-type", "application/json")] + (report.isUp ? [] : [("retry-after", "1")]),
            body: Array(report.json.utf8))
    }

    func exposition() -> OwnResponse {
        guard let registry else { return .notFound }
        return OwnResponse(
            status: 200, reason: "OK", headers: [("content-type", PrometheusRegistry.contentType)],
            body: Array(registry.exposition().utf8))
    }

    /// Descriptors kept back for everything that is not a connection.
    private static let reservedFiles = 64

    private static func openFileLimit() -> Int {
        var limit = rlimit()
        #if canImport(Glibc)
            let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
            let result = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        return result == 0 ? Int(clamping: limit.rlim_cur) : 1024
    }
}
