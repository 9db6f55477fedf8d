import ApusHosting
import ApusRPC
import ApusResilience
import ServiceLifecycle

/// Builds an instance of the auth service.
enum AuthHost {
    static func make(_ platform: ShopPlatform) async throws -> ServiceHost {
        let config = platform.config()
        let client = platform.client
        let service = AuthService(
            database: try await platform.openDatabase(AuthService.migrations), revocations: platform.store,
            tunables: Tunables(config), clock: platform.clock
        ) { request in
            // Checking twice does no harm, so another instance may be asked when one does not answer.
            let answer = try await client.post(
                UserService.name, "/internal/credentials/verify", body: request, idempotencyKey: Secrets.newToken(),
                as: UserAPI.VerifyResponse.self)
            return answer.userID
        }
        // The coordination store may have lost what it was told by the process before.
        try await service.store.forgetPublications(now: platform.clock.milliseconds)
        let verifier = TokenVerifier(
            keys: PublishedKeys { try await service.signingKeys.published() },
            revocations: Revocations(store: platform.store, logger: platform.logger), clock: platform.clock)
        let routes = AuthRoutes(service: service, verifier: verifier)
        let services: [any Service] =
            [config, verifier.revocations] + service.upkeep(time: .continuous, logger: platform.logger)
        return platform.host(services: services) { routes.add(to: $0) }
    }
}
