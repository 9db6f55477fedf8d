import ApusHosting
import ApusRPC
import Hummingbird

/// The auth service over HTTP.
struct AuthRoutes: Sendable {
    let service: AuthService
    let verifier: TokenVerifier

    func add(to router: Router<ServiceContext>) {
        router.add(middleware: DatabaseProblems())
        router.post("/auth/login") { request, context in
            try Response.json(try await service.login(try await request.decodeStrictly(context: context)))
        }
        router.post("/auth/refresh") { request, context in
            try Response.json(try await service.refresh(try await request.decodeStrictly(context: context)))
        }
        router.post("/auth/logout") { request, context in try await logout(request, context) }
        router.get("/.well-known/jwks.json") { _, _ in
            try Response.json(try await service.signingKeys.published(), cacheControl: "public, max-age=60")
        }
    }

    private func logout(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await verifier.caller(of: request)
        let body = try await request.decodeIfPresent(as: AuthAPI.LogoutRequest.self, context: context)
        try await service.logout(caller, refreshToken: body?.refreshToken)
        return .noContent
    }
}
