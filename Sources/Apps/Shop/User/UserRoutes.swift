import ApusHosting
import ApusRPC
import Hummingbird

/// The user service over HTTP.
struct UserRoutes: Sendable {
    let service: UserService
    let verifier: TokenVerifier

    func add(to router: Router<ServiceContext>) {
        router.add(middleware: DatabaseProblems())
        router.post("/users") { request, context in try await create(request, context) }
        router.get("/users/:id") { request, context in try await show(request, context) }
        router.post("/internal/credentials/verify") { request, context in try await verify(request, context) }
    }

    private func create(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let user = try await service.create(try await request.decodeStrictly(context: context))
        var response = try Response.json(UserAPI.UserResponse(user), status: .created)
        response.headers[.location] = "/users/\(user.id)"
        return response
    }

    /// Everybody sees themselves only; the answer for somebody else says nothing about whether they exist.
    private func show(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let caller = try await verifier.caller(of: request)
        guard try context.identifier("id") == caller.userID else {
            throw Problem.forbidden("You may look at your own account only.")
        }
        guard let user = try await service.user(id: caller.userID) else {
            throw Problem.notFound("There is no such account any more.")
        }
        return try Response.json(UserAPI.UserResponse(user))
    }

    private func verify(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let userID = try await service.verify(try await request.decodeStrictly(context: context))
        return try Response.json(UserAPI.VerifyResponse(userID: userID))
    }
}
