import ApusHosting
import ApusRPC
import ApusSQL
import Hummingbird
import Logging

/// Answers 503 where a database says that the same request may work a moment later.
struct DatabaseProblems: RouterMiddleware {
    typealias Context = ServiceContext

    func handle(
        _ request: Request, context: ServiceContext,
        next: @concurrent (Request, ServiceContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as SQLError where error.retry == .soon {
            context.logger.warning("the database is busy", metadata: ["error": "\(error)"])
            throw Problem.busy(
                "The database of this service is busy.", policy: "database", retryAfterSeconds: 1)
        }
    }
}
