import ApusCoordination
import ApusPrimitives
import ApusResilience

extension ServiceClient {
    /// What the attempts of one call have seen.
    private struct Tries {
        /// Also those whose answers are still waited for: another call of a hedge goes elsewhere.
        var tried: Set<EndpointTable.Key> = []
        var failure: Attempt.Failure?
    }

    /// The attempts of a call, each on another instance, as the policy of the service allows.
    func attempts(
        _ request: ServiceRequest, _ service: String, _ policy: ResiliencePolicy
    ) async throws -> ServiceResponse {
        let tries = Locked(Tries())
        do {
            return try await policy.run(
                request.isRepeatable ? .idempotentByKey : .never,
                classify: { self.decision(after: $0, of: request, to: service, tries) },
                outcome: Self.outcome
            ) { _ in
                let lease = try self.lease(of: service, tries)
                tries.withLock { _ = $0.tried.insert(lease.key) }
                switch try await self.attempt(request, on: lease) {
                case .answer(let response): return response
                case .failure(let failure):
                    tries.withLock { $0.failure = failure }
                    throw failure
                }
            }
        } catch let failure as Attempt.Failure {
            return try failure.result()
        } catch let error as ResilienceError where error.code != .deadlineExceeded {
            if Self.isTimeout(error) || error.cause.map(Self.isTimeout) ?? false {
                throw Problem.timeout("\(service) did not answer in time: \(error.message).")
            }
            guard let failure = error.cause as? Attempt.Failure else { throw Self.refusal(error, of: service) }
            return try failure.result(error.code == .retryBudgetExhausted ? error : nil)
        }
    }

    private func decision(
        after error: any Error, of request: ServiceRequest, to service: String, _ tries: Locked<Tries>
    ) -> RetryDecision {
        let failure = error as? Attempt.Failure
        guard failure?.isSafe == true || request.isRepeatable && (failure != nil || Self.isTimeout(error)) else {
            return .stop
        }
        let tried = tries.withLock { $0.tried }
        let instances = directory.instances(of: service)
        let hasOther = endpoints.withLock { $0.hasOther(than: tried, in: instances, at: time.now()) }
        if hasOther { return .retryElsewhere }
        return failure?.problem.retryAfter.map { .retryAfter($0) } ?? .retry
    }

    /// What an error says about the service as a whole: nothing when no instance was asked, the one that was let nobody in, or
    /// what it answered is too long.
    private static func outcome(of error: any Error) -> CircuitBreaker.Outcome {
        guard let failure = error as? Attempt.Failure else { return isTimeout(error) ? .failure : .ignored }
        return failure.isSafe && failure.response != nil ? .ignored : .failure
    }

    /// The policy gave up waiting for an attempt, which may have been carried out.
    private static func isTimeout(_ error: any Error) -> Bool {
        (error as? ResilienceError)?.code == .attemptTimedOut
    }

    /// An instance that was not tried yet; when all were, any again.
    private func lease(of service: String, _ tries: Locked<Tries>) throws -> EndpointTable.Lease {
        let seen = tries.withLock { $0 }
        if let lease = try pick(service, besides: seen.tried, after: seen.failure) { return lease }
        if !seen.tried.isEmpty {
            tries.withLock { $0.tried = [] }
            if let lease = try pick(service, besides: [], after: seen.failure) { return lease }
        }
        throw seen.failure?.problem ?? noInstance(of: service)
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
            // An answer that we have, or wait for, tells more than a breaker.
            if failure != nil || !tried.isEmpty { return nil }
            throw Problem.notSent(
                "\(service) is not called for now: \(error.message).", policy: "circuit-breaker",
                retryAfter: error.retryAfter)
        }
    }

    /// Nothing was sent.
    private static func refusal(_ error: ResilienceError, of service: String) -> Problem {
        .notSent(
            "\(service) is not called for now: \(error.message).", policy: error.code.rawValue,
            retryAfter: error.retryAfter)
    }
}
