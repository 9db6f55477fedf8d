import ApusObservability
import ApusPrimitives
import ApusRPC
import ApusResilience
import CoreMetrics
import HTTPTypes
import Hummingbird
import Logging

/// What surrounds every handler: trace, deadline, priority, admission, one error format, metrics and log.
struct ServiceResponder: HTTPResponder {
    typealias Context = ServiceContext

    let router: RouterResponder<ServiceContext>
    let table: RouteTable
    let settings: HostSettings
    let metrics: RequestMetrics
    /// Lets requests in.
    let policy: ResiliencePolicy
    let time: TimeSource

    /// What Hummingbird calls the route of a request that has none.
    private static let unmatched = "NotFound"
    /// Answered whatever the load: an overloaded service is still alive.
    private static let unlimitedPaths: Set<String> = ["/livez", "/readyz", "/metrics"]
    /// Anybody could have the limit fall otherwise, with deadlines that nothing can meet.
    private static let fairTime = Duration.milliseconds(500)

    func respond(to request: Request, context: ServiceContext) async throws -> Response {
        let start = time.now()
        let trace = TraceContext.received(
            traceparent: request.headers.values(TraceContext.parentHeader),
            tracestate: request.headers.values(TraceContext.stateHeader))
        var context = context
        context.trace = trace
        let deadline = deadline(of: request, at: start)
        context.deadline = deadline
        context.isHurried = deadline.remaining(at: start) < min(Self.fairTime, settings.requestTimeout)
        let priority = priority(of: request)
        let answer = await TraceContext.$current.withValue(trace) {
            await RequestPriority.$current.withValue(priority) { await self.answer(request, context: context) }
        }
        metrics.record(
            route: context.endpointPath.flatMap { $0 == Self.unmatched ? nil : $0 }, method: request.method.rawValue,
            status: answer.status.code,
            took: time.now() - start)
        return answer
    }

    private func deadline(of request: Request, at now: MonotonicTime) -> Deadline {
        let own = Deadline(after: settings.requestTimeout, from: now)
        let asked = request.headers.values(Deadline.headerName).first.flatMap { Deadline(headerValue: $0, at: now) }
        return asked.map { min($0, own) } ?? own
    }

    private func priority(of request: Request) -> RequestPriority {
        request.headers.values(RequestPriority.headerName).first.flatMap { RequestPriority(headerValue: $0) } ?? .normal
    }

    private func answer(_ request: Request, context: ServiceContext) async -> Response {
        do {
            let answer = try await admitted(request, context: context)
            // A bare error status gets a body; whoever wrote a body of their own keeps it.
            guard answer.status.code >= 400, answer.body.contentLength == 0, request.method != .head else {
                return answer
            }
            var problem = Problem(status: answer.status.code)
            for field in answer.headers where field.name != .contentLength {
                problem.headers[field.name.canonicalName] = field.value
            }
            return response(problem, to: request, context: context)
        } catch {
            let problem = await problem(of: (error as? Thrown)?.error ?? error, request, context)
            return response(problem, to: request, context: context)
        }
    }

    /// Runs the handler if the policy lets the request in.
    private func admitted(_ request: Request, context: ServiceContext) async throws -> Response {
        guard !Self.unlimitedPaths.contains(request.uri.path) else {
            return try await handled(request, context: context)
        }
        do {
            return try await policy.run { _ in
                metrics.inFlight.increment()
                defer { metrics.inFlight.decrement() }
                do {
                    return try await handled(request, context: context)
                } catch let late as ResilienceError where context.isHurried && late.code == .deadlineExceeded {
                    throw Problem(thrown: late) ?? .timeout("The deadline passed.")
                }
            }
        } catch let refusal as ResilienceError {
            // What a handler threw may be the refusal of another policy, on its way out.
            if let problem = Problem(refusal: refusal, of: policy) { throw problem }
            throw refusal
        }
    }

    /// Runs the handler so that the deadline and the client's going away cancel it, and nothing but it: the connection's
    /// own task has the answer still to write.
    private func handled(_ request: Request, context: ServiceContext) async throws -> Response {
        let deadline = context.deadline!
        guard let connection = ConnectionControl.current else {
            return try await deadline.run(on: time) { try await router.respond(to: request, context: context) }
        }
        let task = Task {
            try await deadline.run(on: time) { try await router.respond(to: request, context: context) }
        }
        connection.requestStarted { task.cancel() }
        defer { connection.requestEnded() }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private func problem(of error: any Error, _ request: Request, _ context: ServiceContext) async -> Problem {
        if error is ClientWentAway || ConnectionControl.current?.isGone == true {
            return Problem(status: 499, title: "Client Closed Request")
        }
        if let error = error as? HTTPError, error.status == .notFound, error.body == nil,
            context.endpointPath == Self.unmatched
        {
            let allowed = await table.methods(at: request, context: context)
            return allowed.isEmpty
                ? .notFound("There is nothing at this path.") : .methodNotAllowed(allowed: allowed)
        }
        if let problem = Problem(thrown: error) { return problem }
        if error is CancellationError {
            return .unavailable("The service is stopping.", policy: "shutdown", retryAfter: .seconds(1))
        }
        context.logger.error(
            "a handler failed",
            metadata: [
                "method": "\(request.method)", "route": "\(context.endpointPath ?? "-")", "error": "\(error)",
            ])
        return .internalError()
    }

    private func response(_ problem: Problem, to request: Request, context: ServiceContext) -> Response {
        var problem = problem
        if problem.instance == nil { problem.instance = "urn:trace:\(context.trace.traceID)" }
        context.logger.debug(
            "refused",
            metadata: [
                "method": "\(request.method)", "route": "\(context.endpointPath ?? "-")",
                "status": .stringConvertible(problem.status), "detail": "\(problem.detail ?? "")",
            ])
        let response = problem.response
        return request.method == .head ? response.createHeadResponse() : response
    }
}

extension HTTPFields {
    /// All values of a field that is named by text.
    func values(_ name: String) -> [String] {
        HTTPField.Name(name).map { self[values: $0] } ?? []
    }
}
