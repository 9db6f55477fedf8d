public import ApusCoordination
import ApusObservability
import ApusPrimitives
public import ApusResilience
public import AsyncHTTPClient
public import Logging
import NIOCore

/// Calls other services by name.
///
/// Finds the instances in the directory and balances over them (the less loaded of two). A call that failed is repeated
/// on another instance where that is safe: the method is idempotent, or the request has an idempotency key, or the
/// instance has certainly not begun with it, within the `ResiliencePolicy` of the service. A breaker keeps an instance that
/// fails out of the choice, and so does doing worse than the others. The caller's deadline and trace go along in the header.
public final class ServiceClient: Sendable {
    let directory: ServiceDirectory
    let http: HTTPClient
    let settings: ServiceClientSettings
    let time: TimeSource
    let logger: Logger
    let endpoints: Locked<EndpointTable>
    let policies: Locked<ClientPolicies>

    /// - Parameter http: nil for one that all clients of the process share, which gives an instance one second to accept a
    ///   connection. One of your own should not follow redirects.
    public init(
        directory: ServiceDirectory, http: HTTPClient? = nil,
        settings: ServiceClientSettings = ServiceClientSettings(), time: TimeSource = .continuous,
        logger: Logger = Logger(label: "apus.client")
    ) {
        self.directory = directory
        self.http = http ?? Self.shared
        self.settings = settings
        self.time = time
        self.logger = logger
        endpoints = Locked(EndpointTable(breaker: settings.breaker, outliers: settings.outliers))
        policies = Locked(ClientPolicies(settings.policy))
    }

    /// Lives as long as the process, so nobody has to shut it down.
    private static let shared: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout.connect = .seconds(1)
        // Shorter than what servers allow, or a request would be sent into a connection that is just being closed.
        configuration.connectionPool.idleTimeout = .seconds(20)
        // More than the standard bulkhead lets through: calls wait there, where it is counted, and not here.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 512
        // Another instance is the better next try.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// Sends a request and returns whatever the service answers, of any status.
    ///
    /// - Throws: `Problem`, when there was no answer: 400 when the request cannot be sent, 503 without an instance or with all breakers open, 502 when the
    ///   connection failed, 504 when the deadline passed. `extensions["policy"]` says which policy refused, `retryAfter`
    ///   when to try again. `CancellationError` when the task was cancelled.
    public func send(_ request: ServiceRequest, to service: String) async throws -> ServiceResponse {
        if let flaw = request.flaw { throw Problem.badRequest("The call of \(service) was not made: \(flaw).") }
        let start = time.now()
        let policy = policies.withLock { $0.policy(of: service, on: time, logger) }
        let timeout = request.timeout ?? policies.withLock { $0.timeout }
        do {
            let response: ServiceResponse
            if let timeout {
                response = try await Deadline(after: timeout, from: start).run(on: time) {
                    try await self.attempts(request, service, policy)
                }
            } else {
                response = try await attempts(request, service, policy)
            }
            ClientMetrics.record(service: service, status: String(response.status), took: time.now() - start)
            return response
        } catch let error as ResilienceError where error.code == .deadlineExceeded {
            try Task.checkCancellation()
            ClientMetrics.record(service: service, status: "deadline", took: time.now() - start)
            throw Problem.timeout("\(service) did not answer before the deadline.")
        } catch {
            ClientMetrics.record(service: service, status: "error", took: time.now() - start)
            throw error
        }
    }

    /// Replaces the policy of every service for calls that begin from now on; what the parts have learnt stays.
    public func update(_ policy: ResiliencePolicy.Configuration) {
        for known in policies.withLock({ $0.update(policy) }) { known.update(policy.withoutDeadline) }
    }

    func noInstance(of service: String) -> Problem {
        let why =
            directory.freshness == .neverSynced ? "the registry has not been read yet" : "none is registered"
        return .notSent(
            "There is no instance of \(service): \(why).", policy: "discovery", retryAfter: .seconds(1))
    }
}
