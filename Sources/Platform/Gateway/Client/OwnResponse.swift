import ApusRPC
import ApusResilience

/// A complete response that the gateway gives itself.
struct OwnResponse: Sendable {
    var status: Int
    var reason: String
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    init(status: Int, reason: String, headers: [(name: String, value: String)] = [], body: [UInt8]) {
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
    }

    init(_ problem: Problem) {
        let names = problem.headers.keys.sorted()
        self.init(
            status: problem.status, reason: problem.title,
            headers: [("content-type", Problem.contentType)]
                + names.map { ($0.lowercased(), problem.headers[$0] ?? "") },
            body: problem.encoded())
    }

    init(_ fault: RequestFault, settings: GatewaySettings) {
        switch fault {
        case .bodyTooLarge: self.init(.payloadTooLarge(limit: settings.maxBodyBytes))
        case .targetTooLong: self.init(.uriTooLong(limit: settings.maxTargetBytes))
        case .headTooLarge: self.init(.headersTooLarge(limit: settings.maxHeaderBytes))
        case .methodRefused: self.init(.methodNotAllowed(allowed: RequestFault.methods))
        case .headTimeout, .bodyTimeout: self.init(.requestTimeout(fault.detail))
        default: self.init(Problem(status: fault.status, detail: fault.detail))
        }
    }

    /// - Parameter refusal: what the retry budget said, when it did not allow a second attempt.
    init(_ failure: ExchangeState.Failure, service: String, refusal: ResilienceError? = nil) {
        switch failure {
        case .unavailable:
            self.init(
                .unavailable("No instance of \(service) can be reached.", retryAfter: .seconds(1)))
        case .connectionLost:
            self.init(.badGateway("An instance of \(service) broke off; the request may have been carried out."))
        case .retryRefused:
            let why = refusal.map { ": \($0.message)" } ?? ""
            self.init(
                .unavailable(
                    "An instance of \(service) could not be reached, and no other was asked\(why).",
                    policy: "retry-budget", retryAfter: refusal?.retryAfter ?? .seconds(1)))
        case .retryRefusedAfterLoss:
            let why = refusal.map { ": \($0.message)" } ?? ""
            var problem = Problem.badGateway(
                "An instance of \(service) broke off, and no other was asked\(why).")
            problem.extensions["policy"] = "retry-budget"
            self.init(problem)
        case .badResponse: self.init(.badGateway("The instance of \(service) did not answer with HTTP."))
        case .timedOut: self.init(.timeout("\(service) did not answer before the deadline."))
        case .bodyTimedOut: self.init(.requestTimeout(RequestFault.bodyTimeout.detail))
        }
    }

    static let notFound = OwnResponse(.notFound("No route leads there."))
    static let tooManyConnections = OwnResponse(
        .unavailable(
            "The gateway has as many connections as it takes.", policy: "max-connections", retryAfter: .seconds(1)))
    static let noContent = OwnResponse(status: 204, reason: "No Content", body: [])
    static let alive = OwnResponse(
        status: 200, reason: "OK", headers: [("content-type", "application/json")],
        body: Array(#"{"status":"up","checks":[]}"#.utf8))

    static func methodNotAllowed(_ allowed: [String]) -> OwnResponse {
        OwnResponse(.methodNotAllowed(allowed: allowed))
    }
}
