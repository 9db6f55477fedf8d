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
/// instance has certainly not begun with it, as long as the service's retry budget allows it. A breaker keeps an instance that
/// fails out of the choice, and so does doing worse than the others. The caller's deadline and trace go along in the header.
public final class ServiceClient: Sendable {
    let directory: ServiceDirectory
    let http: HTTPClient
    let settings: ServiceClientSettings
    let time: TimeSource
    let logger: Logger
    let endpoints: Locked<EndpointTable>

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
        endpoints = Locked(
            EndpointTable(
                breaker: settings.breaker, outliers: settings.outliers, retryBudget: settings.retryBudget))
    }

    /// Lives as long as the process, so nobody has to shut it down.
    private static let shared: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout.connect = .seconds(1)
        // Shorter than what servers allow, or a request would be sent into a connection that is just being closed.
        configuration.connectionPool.idleTimeout = .seconds(20)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
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
        let deadline = Deadline(after: request.timeout ?? settings.timeout, from: start)
        do {
            let response = try await deadline.run(on: time) { try await self.attempts(request, service) }
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

    private func attempts(_ request: ServiceRequest, _ service: String) async throws -> ServiceResponse {
        var tried: Set<EndpointTable.Key> = []
        var failure: Attempt.Failure?
        var attempt = 1
        endpoints.withLock { $0.callBegan(service, at: time.now()) }
        while true {
            guard let lease = try await lease(of: service, besides: &tried, after: failure, attempt) else {
                throw failure?.problem ?? noInstance(of: service)
            }
            switch try await self.attempt(request, on: lease) {
            case .answer(let response): return response
            case .failure(let error):
                guard attempt < max(1, settings.maxAttempts), error.isSafe || request.isRepeatable else {
                    return try error.result()
                }
                if let refusal = endpoints.withLock({ $0.refusesRetry(of: service, at: time.now()) }) {
                    return try error.result(refusal)
                }
                logger.debug(
                    "trying another instance",
                    metadata: ["service": "\(service)", "instance": "\(lease.instance.id)", "error": "\(error.reason)"])
                failure = error
                attempt += 1
                tried.insert(lease.key)
            }
        }
    }

    /// An instance that was not tried yet; when all were, again any, after a pause.
    private func lease(
        of service: String, besides tried: inout Set<EndpointTable.Key>, after failure: Attempt.Failure?, _ attempt: Int
    ) async throws -> EndpointTable.Lease? {
        if let lease = try pick(service, besides: tried, after: failure) { return lease }
        guard failure != nil, !tried.isEmpty else { return nil }
        var random = SystemRandomNumberGenerator()
        try await time.sleep(for: settings.retry.delay(afterAttempt: attempt - 1, using: &random))
        tried = []
        return try pick(service, besides: tried, after: failure)
    }

    private func pick(
        _ service: String, besides tried: Set<EndpointTable.Key>, after failure: Attempt.Failure?
    ) throws -> EndpointTable.Lease? {
        let instances = directory.instances(of: service)
        var random = SystemRandomNumberGenerator()
        do {
            return try endpoints.withLock { table throws(ResilienceError) in
                try table.pick(from: instances, besides: tried, at: time.now(), using: &random)
            }
        } catch {
            // An answer that we have tells more than a breaker.
            if failure != nil { return nil }
            throw Problem.unavailable(
                "\(service) is not called for now: \(error.message).", policy: "circuit-breaker",
                retryAfter: error.retryAfter)
        }
    }

    private func noInstance(of service: String) -> Problem {
        let why =
            directory.freshness == .neverSynced ? "the registry has not been read yet" : "none is registered"
        return .unavailable(
            "There is no instance of \(service): \(why).", policy: "discovery", retryAfter: .seconds(1))
    }
}
