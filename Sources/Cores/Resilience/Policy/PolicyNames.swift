import ApusPrimitives

/// How the parts of a policy are called in their errors; made once, so that no call pays for it.
struct PolicyNames: Sendable {
    let policy: String
    let deadline: String
    let rateLimit: String
    let loadShedding: String
    let bulkhead: String
    let retry: String
    let retryBudget: String
    let hedge: String
    let breaker: String
    let adaptiveBreaker: String
    let attemptTimeout: String
    let fallback: String

    init(_ policy: String) {
        self.policy = policy
        deadline = "\(policy) deadline"
        rateLimit = "\(policy) rate limit"
        loadShedding = "\(policy) load shedding"
        bulkhead = "\(policy) bulkhead"
        retry = "\(policy) retry"
        retryBudget = "\(policy) retry budget"
        hedge = "\(policy) hedge"
        breaker = "\(policy) breaker"
        adaptiveBreaker = "\(policy) adaptive breaker"
        attemptTimeout = "\(policy) attempt timeout"
        fallback = "\(policy) fallback"
    }

    /// Whether an error is this policy's own: it ended an attempt that had no answer in time.
    func areOf(_ error: any Error) -> Bool {
        guard let policy = (error as? ResilienceError)?.policy else { return false }
        return policy == attemptTimeout || policy == deadline
    }

    /// What an attempt threw in truth, of which its body threw `cause`.
    func error(
        of call: PolicyCall, _ lateness: PolicyCall.Lateness, _ cause: (any Error)?, at now: MonotonicTime
    ) -> any Error {
        switch lateness {
        case .inTime: return cause ?? CancellationError()
        case .callTooLate:
            var error = (call.deadline ?? Deadline(expires: now)).error(at: now, cause: cause)
            error.policy = deadline
            return error
        case .attemptTooLate:
            return ResilienceError(
                code: .attemptTimedOut,
                message: "attempt \(call.attempts) had no answer within \(call.attemptTimeout ?? .zero)",
                policy: attemptTimeout, cause: cause)
        }
    }
}
