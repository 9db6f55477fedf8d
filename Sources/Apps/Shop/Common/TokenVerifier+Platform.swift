import ApusRPC

extension TokenVerifier {
    /// The verifier of an instance. Its `revocations` is a service: it belongs into the host's, so that what it remembers
    /// is there when the coordination store is away.
    static func make(_ platform: ShopPlatform) -> TokenVerifier {
        let client = platform.client
        return TokenVerifier(
            keys: PublishedKeys {
                try await client.get(AuthService.name, "/.well-known/jwks.json", as: JSONWebKeySet.self)
            },
            revocations: Revocations(store: platform.store, logger: platform.logger), clock: platform.clock)
    }
}
