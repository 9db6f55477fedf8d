import ApusRPC
import ApusResilience

/// Calls the other services of the shop by name, each under a policy of its own, which all callers of the process share.
///
/// `ServiceClient` below finds an instance and tries another; the policy bounds how many calls are under way, and stops
/// calling a service that fails. A failure says whose it is (`service` in the problem), also after it has passed through
/// others: the cart is not to blame when the inventory is away.
struct PeerClient: Sendable {
    let client: ServiceClient
    private let policies: [String: ResiliencePolicy]

    /// No retry: the client below tries other instances within a budget, and the sagas and customers above know how long it
    /// makes sense. No deadline: that of the request holds.
    static let calls = ResiliencePolicy.Configuration(
        bulkhead: Bulkhead.Configuration(maxConcurrent: 128, maxWaiting: 128, maxWait: .milliseconds(500)),
        breaker: CircuitBreaker.Configuration(window: .time(.seconds(10), buckets: 10), openFor: .seconds(2)))

    init(_ client: ServiceClient, controls: ShopControls) {
        self.client = client
        controls.policies.add(ShopPolicies.serviceClient, builtIn: ServiceClientSettings().policy) {
            client.update($0)
        }
        policies = Dictionary(
            ShopPart.services.map { part in
                let title = "\(part.rawValue) calls"
                return (part.rawValue, controls.policy(ShopPolicies.calls(of: part), Self.calls, title: title))
            },
            uniquingKeysWith: { first, _ in first })
    }

    /// - Throws: the `Problem` that the service answered, that of `ServiceClient.send`, or the policy's.
    func get<Result: Decodable & Sendable>(
        _ service: String, _ path: String, as type: Result.Type = Result.self
    ) async throws -> Result {
        try await call(service, .safe) { try await client.get(service, path, as: type) }
    }

    /// - Throws: as `get`.
    func post<Body: Encodable & Sendable, Result: Decodable & Sendable>(
        _ service: String, _ path: String, body: Body, idempotencyKey: String? = nil, headers: [String: String] = [:],
        as type: Result.Type = Result.self
    ) async throws -> Result {
        try await call(service, idempotencyKey == nil ? .never : .idempotentByKey) {
            try await client.post(
                service, path, body: body, idempotencyKey: idempotencyKey, headers: headers, as: type)
        }
    }

    private func call<Result: Sendable>(
        _ service: String, _ safety: RetrySafety, _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        do {
            guard let policy = policies[service] else { return try await body() }
            return try await policy.run(safety, outcome: { Self.outcome(of: $0, from: service) }) { _ in
                try await body()
            }
        } catch let refusal as ResilienceError {
            throw Problem(refusal, of: service)
        }
    }

    /// What an error says about the service itself: nothing when it did not get to work, because its host, or this side, let
    /// nobody in. To stop calling one that sheds would refuse what it could do.
    static func outcome(of error: any Error, from service: String) -> CircuitBreaker.Outcome {
        guard let problem = error as? Problem else { return error is CancellationError ? .ignored : .failure }
        if problem.isBeforeWork { return .ignored }
        return problem.status < 500 || problem.failedService ?? service != service ? .success : .failure
    }
}

extension Problem {
    /// The service was not called, or not until it answered, by the policy of its calls.
    fileprivate init(_ refusal: ResilienceError, of service: String) {
        if let cause = refusal.cause as? Problem {
            self = cause
        } else if refusal.code == .deadlineExceeded || refusal.code == .attemptTimedOut {
            self = .timeout("\(service) did not answer in time: \(refusal.message).")
        } else {
            self = .unavailable(
                "\(service) is not called for now: \(refusal.message).", policy: refusal.policy,
                retryAfter: refusal.retryAfter ?? .seconds(1))
        }
        failedService = failedService ?? service
    }
}
