import ApusCoordination
import ApusObservability
import ApusPrimitives
import ApusResilience
import AsyncHTTPClient
import CoreMetrics
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

/// How one call to one instance ended.
enum Attempt {
    struct Failure: Error {
        /// What the caller gets when this was the last attempt: an answer of the service, or a problem of ours.
        let response: ServiceResponse?
        let problem: Problem
        let reason: String
        /// The instance has certainly not begun with the request.
        let isSafe: Bool

        /// - Parameter refusal: why there was no further attempt, when the budget is used up.
        func result(_ refusal: ResilienceError? = nil) throws -> ServiceResponse {
            if let response { return response }
            guard let refusal else { throw problem }
            var problem = problem
            problem.detail = "\(problem.detail ?? "") It was not tried again: \(refusal.message)."
            problem.extensions["policy"] = "retry-budget"
            throw problem
        }
    }

    case answer(ServiceResponse)
    /// Another instance may do better.
    case failure(Failure)
}

extension ServiceClient {
    func attempt(_ request: ServiceRequest, on lease: EndpointTable.Lease) async throws -> Attempt {
        let service = lease.instance.service
        let start = time.now()
        do {
            let response = try await exchange(request, with: lease.instance)
            let gaveUp = response.status == 504 && Deadline.current != nil
            let isHurried = gaveUp && time.now() - start < settings.blameAfter
            let passesOn = response.header(ServiceResponse.failedServiceHeader).map { $0 != service } ?? false
            let isFault = response.status >= 500 && !passesOn
            finish(
                lease, isHurried ? .ignored : isFault ? .failure : .success, letNobodyIn: response.isUnprocessed)
            // A 502 or 504 says that the service could not reach another one, and one that passes on the failure of another
            // says so, too: the next instance may not either, and repeating at every level multiplies the load.
            guard response.status == 503, !passesOn, let problem = response.problem else { return .answer(response) }
            return .failure(
                Attempt.Failure(
                    response: response, problem: problem, reason: "status \(response.status)",
                    isSafe: response.isUnprocessed))
        } catch is NIOTooManyBytesError {
            finish(lease, .success)
            throw Problem.badGateway("The answer of \(service) is longer than \(settings.maxResponseBytes) bytes.")
        } catch {
            let now = time.now()
            // The HTTP client has a timer of its own, which may go off before the deadline cancels this task.
            let isLate = Deadline.current?.hasPassed(at: now) == true
            if Task.isCancelled || isLate {
                finish(lease, isLate && now - start >= settings.blameAfter ? .failure : .ignored)
                throw error
            }
            if error as? HTTPClientError == .getConnectionFromPoolTimeout {
                // It waited for one of our own connections: the instance never saw it.
                finish(lease, .ignored)
            } else {
                finish(lease, .failure, isUnreachable: true)
            }
            let isSafe = Self.neverSent(error)
            let problem = Problem.badGateway(
                isSafe ? "\(service) could not be reached." : "The connection to \(service) failed.")
            return .failure(Attempt.Failure(response: nil, problem: problem, reason: "\(error)", isSafe: isSafe))
        }
    }

    /// Of a call without any deadline.
    private static let longestExchange = Duration.seconds(86_400)

    private func exchange(_ request: ServiceRequest, with instance: ServiceInstance) async throws -> ServiceResponse {
        let address = ServiceClient.authority(instance.host, instance.port)
        var message = HTTPClientRequest(url: "http://\(address)\(request.path)")
        message.method = HTTPMethod(rawValue: request.method)
        for (name, value) in request.headers { message.headers.add(name: name, value: value) }
        if let key = request.idempotencyKey { message.headers.replaceOrAdd(name: "idempotency-key", value: key) }
        let now = time.now()
        let span = TraceContext.current?.child() ?? .root()
        message.headers.replaceOrAdd(name: TraceContext.parentHeader, value: span.traceparent)
        if let state = span.traceState {
            message.headers.replaceOrAdd(name: TraceContext.stateHeader, value: state.description)
        }
        var left = Self.longestExchange
        if let deadline = Deadline.current {
            left = deadline.remaining(at: now)
            message.headers.replaceOrAdd(name: Deadline.headerName, value: deadline.headerValue(at: now))
        }
        let priority = RequestPriority.current
        if priority != .normal {
            message.headers.replaceOrAdd(name: RequestPriority.headerName, value: priority.headerValue)
        }
        if let body = request.body { message.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await http.execute(message, timeout: TimeAmount(left) + .milliseconds(1))
        let body = try await response.body.collect(upTo: settings.maxResponseBytes)
        return ServiceResponse(
            status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) },
            body: Array(body.readableBytesView), instance: instance.id)
    }

    private func finish(
        _ lease: EndpointTable.Lease, _ outcome: CircuitBreaker.Outcome, isUnreachable: Bool = false,
        letNobodyIn: Bool = false
    ) {
        let changes = endpoints.withLock {
            $0.finish(lease, outcome, isUnreachable: isUnreachable, letNobodyIn: letNobodyIn, at: time.now())
        }
        for ejection in changes.ejected {
            logger.warning(
                "an instance is left out",
                metadata: [
                    "service": "\(ejection.host.service)", "instance": "\(ejection.host.id)",
                    "reason": "\(ejection.reason)",
                ])
        }
        guard let change = changes.breaker else { return }
        logger.warning(
            "a breaker changed its state",
            metadata: [
                "service": "\(lease.instance.service)", "instance": "\(lease.instance.id)", "from": "\(change.from)",
                "to": "\(change.to)",
            ])
    }

    /// Whether the error comes from making the connection.
    private static func neverSent(_ error: any Error) -> Bool {
        switch error {
        case is NIOConnectionError: true
        case ChannelError.connectTimeout: true
        case let error as HTTPClientError: error == .connectTimeout || error == .getConnectionFromPoolTimeout
        case let error as IOError: [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(error.errnoCode)
        default: false
        }
    }

    static func authority(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

enum ClientMetrics {
    /// - Parameter status: the HTTP status, "deadline" or "error".
    static func record(service: String, status: String, took: Duration) {
        Timer(
            label: "http_client_request_duration_seconds", dimensions: [("service", service), ("status", status)]
        ).recordNanoseconds(took.nanoseconds)
    }
}
