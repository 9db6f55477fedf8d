import ApusHosting
import ApusResilience
import ServiceLifecycle

/// Builds an instance of the payment service.
enum PaymentHost {
    static func make(_ platform: ShopPlatform) async throws -> ServiceHost {
        let config = platform.config()
        let vault = CardVault(key: try CardVault.loadOrCreateKey(path: platform.file("payment.key")))
        let service = PaymentService(
            database: try await platform.openDatabase(PaymentService.migrations), vault: vault,
            tunables: Tunables(config), clock: platform.clock)
        let services: [any Service] = [config] + service.upkeep(time: .continuous, logger: platform.logger)
        return platform.host(services: services) { PaymentRoutes(service: service).add(to: $0) }
    }
}
