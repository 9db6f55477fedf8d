import ApusHosting

/// Builds an instance of the user service.
enum UserHost {
    static func make(_ platform: ShopPlatform) async throws -> ServiceHost {
        let config = platform.config()
        let verifier = TokenVerifier.make(platform)
        let service = UserService(
            database: try await platform.openDatabase(UserService.migrations), tunables: Tunables(config),
            clock: platform.clock)
        let routes = UserRoutes(service: service, verifier: verifier)
        return platform.host(services: [config, verifier.revocations]) { routes.add(to: $0) }
    }
}
