import ApusChannels
import ApusCoordination
import ApusObservability
import ApusPrimitives
import ApusRPC
import ApusResilience
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
public import UnixSignals

extension ServiceHost {
    /// Serves until graceful shutdown.
    ///
    /// - Throws: `HostError` when the port cannot be had, or what one of its services throws.
    public func run() async throws {
        var logger = givenLogger ?? Logger(label: "apus.host")
        logger[metadataKey: "service"] = "\(name)"
        logger[metadataKey: "instance"] = "\(id)"
        for complaint in settings.complaints {
            logger.warning("a setting is not valid", metadata: ["setting": "\(complaint)"])
        }

        let metrics = metrics.registry
        let registry = ServiceRegistry(store: store, leaseTTLSeconds: settings.leaseTTLSeconds, logger: logger)
        let server = try server(metrics: metrics, logger: logger)
        let presence = Presence(host: self, registry: registry, logger: logger)

        // Stopped in the opposite order: out of the registry first, then the server, then what it stands on.
        var all: [any Service] = []
        if let ownStore { all.append(ownStore) }
        all.append(registry)
        all += services
        all += [server, presence]
        do {
            try await ServiceGroup(configuration: .init(services: all, logger: logger)).run()
            neverReady(CancellationError())
        } catch {
            neverReady(error)
            throw error
        }
    }

    /// Nobody waits for what has ended before it was ready.
    private func neverReady(_ error: any Error) {
        address.fail(error)
        registered.fail(error)
    }

    /// For a process that is this one service: sets logs and metrics up, then serves until SIGTERM or SIGINT.
    ///
    /// - Throws: as `run`.
    public func runService(gracefulShutdownSignals: [UnixSignal] = [.sigterm, .sigint]) async throws {
        ApusObservability.bootstrap(service: name, instance: id, logLevel: settings.logLevel)
        var configuration = ServiceGroupConfiguration(
            services: [self], gracefulShutdownSignals: gracefulShutdownSignals, logger: Logger(label: "apus.host"))
        // The drain has its own bound; this one is for a service that does not stop at all.
        configuration.maximumGracefulShutdownDuration =
            settings.deregistrationDelay + settings.drainTimeout + .seconds(10)
        try await ServiceGroup(configuration: configuration).run()
    }

    private func server(metrics: PrometheusRegistry, logger: Logger) throws -> DrainingServer {
        let requestMetrics = RequestMetrics(service: name, registry: metrics)
        recorder.begin(PolicyMetrics(policy.name, logger: logger, factory: metrics))
        let responder = ServiceResponder(
            router: router, table: table, settings: settings, metrics: requestMetrics,
            policy: policy, time: .continuous)
        let application = Application(
            responder: responder,
            server: HTTPServerBuilder { respond in
                ServiceChannel(
                    settings: settings, metrics: requestMetrics, connections: connections, responder: respond)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port), serverName: "apus",
                availableConnectionsDelegate: .maximum(settings.maxConnections, logger: logger)),
            onServerRunning: { [address, host = settings.host] channel in
                let local = channel.localAddress
                address.send(ServiceAddress(host: local?.ipAddress ?? host, port: local?.port ?? 0))
            },
            logger: logger)
        return DrainingServer(
            application: application, settings: settings, connections: connections, logger: logger)
    }

    static func addStandardRoutes(to router: Router<ServiceContext>, health: HealthRegistry, metrics: MetricsSource) {
        router.get("/livez") { _, _ in await health.report(.liveness).response }
        router.get("/readyz") { _, _ in await health.report(.readiness).response }
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: PrometheusRegistry.contentType],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.registry.exposition())))
        }
    }
}

extension HealthReport {
    fileprivate var response: Response {
        Response(
            status: HTTPResponse.Status(code: httpStatus), headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: json)))
    }
}

/// A host that could not start.
public struct HostError: Error, CustomStringConvertible {
    /// For the operator: what to change.
    public let message: String
    public let cause: (any Error)?

    public var description: String { message }
}

extension ULID {
    static func fresh() -> ULID {
        var random = SystemRandomNumberGenerator()
        return ULID(unixMilliseconds: UInt64(max(0, Date().timeIntervalSince1970 * 1000)), using: &random)
    }
}
