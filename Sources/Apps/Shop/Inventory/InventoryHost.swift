import ApusHosting
import ApusResilience
import ServiceLifecycle

/// Builds an instance of the inventory.
enum InventoryHost {
    static func make(_ platform: ShopPlatform) async throws -> ServiceHost {
        let config = platform.config()
        let service = InventoryService(
            database: try await platform.openDatabase(InventoryService.migrations), tunables: Tunables(config),
            clock: platform.clock)
        let services: [any Service] = [config] + service.upkeep(time: .continuous, logger: platform.logger)
        return platform.host(services: services) { InventoryRoutes(service: service).add(to: $0) }
    }
}
