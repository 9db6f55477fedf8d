import ApusHosting
import ApusRPC

/// Builds an instance of the cart service.
enum CartHost {
    static func make(_ platform: ShopPlatform) async throws -> ServiceHost {
        let verifier = TokenVerifier.make(platform)
        let client = platform.client
        let service = CartService(
            database: try await platform.openDatabase(CartService.migrations), clock: platform.clock,
            display: platform.policy(ShopPolicies.cartPrices, ShopPolicies.display)
        ) { ids in
            let path = "/internal/products?ids=\(ids.joined(separator: ","))"
            return try await client.get(InventoryService.name, path, as: InventoryAPI.ProductList.self).products
        }
        let routes = CartRoutes(service: service, verifier: verifier)
        return platform.host(services: [verifier.revocations]) { routes.add(to: $0) }
    }
}
