import ApusCoordination
import ApusObservability
import ApusResilience
import Logging
import ServiceLifecycle

/// Makes a host known while it can be called: registers it when it listens, and at a graceful stop takes it out first.
struct Presence: Service {
    let host: ServiceHost
    let registry: ServiceRegistry
    let logger: Logger

    func run() async throws {
        let instance: ServiceInstance
        do {
            instance = try await cancelWhenGracefulShutdown { try await registered() }
        } catch is CancellationError {
            host.health.beginDraining()
            return
        }
        do {
            try await gracefulShutdown()
        } catch {
            return  // cancelled: as if the process had died
        }
        logger.info("stopping: not ready, deregistered, then drained")
        host.health.beginDraining()
        try await registry.deregister(instance)
        try? await Task.sleep(for: host.settings.deregistrationDelay)
    }

    private func registered() async throws -> ServiceInstance {
        let address = try await host.boundAddress
        let instance = ServiceInstance(
            service: host.name, id: host.id, host: host.settings.advertisedHost ?? reachable(address),
            port: address.port,
            zone: host.settings.zone, metadata: host.metadata)
        try await registry.register(instance)
        logger.info("serving", metadata: ["address": "\(address)"])
        host.registered.send()
        return instance
    }

    /// Nobody can connect to "all addresses".
    private func reachable(_ address: ServiceAddress) -> String {
        switch address.host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: address.host
        }
    }
}
