import ApusCoordination
import ApusHosting
import ApusResilience
import ApusTransactions
import Hummingbird

/// Builds an instance of the order service.
enum OrderHost {
    static func make(_ platform: ShopPlatform) async throws -> ServiceHost {
        let database = try await platform.openDatabase(OrderStore.migrations + SagaCoordinator.migrations)
        let store = OrderStore(database: database)
        let peers = OrderPeers(calling: platform.client)
        let saga = OrderSaga.definition(OrderSteps(peers: peers, store: store, clock: platform.clock))
        var settings = SagaCoordinator.Settings()
        settings.retention = sagaRetention
        let coordinator = SagaCoordinator(
            database: database, owner: platform.instance.id, settings: settings,
            wallClock: { [clock = platform.clock] in clock.milliseconds }, logger: platform.logger)
        coordinator.register(saga)
        let budget = ResiliencePolicy.Configuration(retryBudget: settings.retryBudget)
        platform.controls.policies.add(ShopPolicies.orderSteps, builtIn: budget) {
            coordinator.update(retryBudget: $0.retryBudget)
        }
        let config = platform.config()
        let service = OrderService(
            store: store, peers: peers, coordinator: coordinator, saga: saga,
            fingerprint: try CardFingerprint(file: platform.file("order.key")), clock: platform.clock,
            settings: { OrderSettings(config) })
        let verifier = TokenVerifier.make(platform)
        let routes = OrderRoutes(service: service) { try await verifier.caller(of: $0).userID }
        return platform.host(services: [config, verifier.revocations, coordinator]) { routes.add(to: $0) }
    }

    /// How long the steps of an order that has ended can be looked at.
    private static let sagaRetention = Duration.seconds(90 * 86_400)
}
