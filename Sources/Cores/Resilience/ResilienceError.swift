/// A call that a policy refused or gave up, and what the caller may do about it.
public struct ResilienceError: Error, Sendable {
    /// What happened. Open: later policies add codes, so a `switch` needs a `default`.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The deadline passed, or would have passed before the next attempt.
        public static let deadlineExceeded = Code(rawValue: "deadline-exceeded")
        /// One attempt had no answer in the time that an attempt has; the deadline of the call has not passed.
        public static let attemptTimedOut = Code(rawValue: "attempt-timed-out")
        /// A circuit breaker refused the call; nothing was sent.
        public static let circuitOpen = Code(rawValue: "circuit-open")
        /// The last permitted attempt failed too; `cause` is its error.
        public static let retriesExhausted = Code(rawValue: "retries-exhausted")
        /// There were too many second attempts lately; `cause` is the error of the last one.
        public static let retryBudgetExhausted = Code(rawValue: "retry-budget-exhausted")
        /// An adaptive breaker refused the call; nothing was sent.
        public static let throttled = Code(rawValue: "throttled")
    }

    public var code: Code
    /// For a person: which numbers the policy saw.
    public var message: String
    /// Which policy decided, for example "deadline" or the name of a breaker.
    public var policy: String
    /// How long to wait before another try makes sense; nil when the policy cannot know.
    public var retryAfter: Duration?
    /// The error underneath, when there is one.
    public var cause: (any Error)?

    public init(
        code: Code, message: String, policy: String, retryAfter: Duration? = nil, cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.policy = policy
        self.retryAfter = retryAfter
        self.cause = cause
    }
}

extension ResilienceError: CustomStringConvertible {
    public var description: String {
        var text = "\(policy): \(message) (\(code.rawValue))"
        if let retryAfter { text += ", try again in \(retryAfter)" }
        if let cause { text += ", because: \(cause)" }
        return text
    }
}
