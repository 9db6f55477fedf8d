import ApusRPC
import Hummingbird

/// The first middleware of every router: takes the errors of Hummingbird and of the handlers before the router makes
/// answers of its own format of them.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = ServiceContext

    func handle(
        _ request: Request, context: ServiceContext,
        next: @concurrent (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            throw Thrown(error: error)
        }
    }
}

/// Carries an error past the router, which would answer some kinds by itself.
struct Thrown: Error {
    let error: any Error
}
