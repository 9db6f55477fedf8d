extension ResiliencePolicy {
    /// Which parts a policy has, and how each is set. A part that is nil is off.
    ///
    /// In JSON a part that is absent is as in `standard`, `false` switches it off and `true` on with its own defaults:
    ///
    /// ```json
    /// {"deadlineMilliseconds": 2000, "retry": {"maxAttempts": 2}, "breaker": false}
    /// ```
    public struct Configuration: Hashable, Sendable {
        /// How long a call may take in all, its retries included; 1 ms to a year. A caller's earlier deadline counts.
        public var deadline: Duration?
        public var retry: RetryPolicy?
        public var breaker: CircuitBreaker.Configuration?
        /// How long one attempt may take, 1 ms to a year.
        public var attemptTimeout: Duration?

        /// Everything that is not named is off.
        public init(
            deadline: Duration? = nil, retry: RetryPolicy? = nil, breaker: CircuitBreaker.Configuration? = nil,
            attemptTimeout: Duration? = nil
        ) {
            self.deadline = deadline
            self.retry = retry
            self.breaker = breaker
            self.attemptTimeout = attemptTimeout
        }

        /// What a call of another service should have: ten seconds in all and four for an attempt, three attempts after
        /// about a tenth of a second, and a breaker.
        public static let standard = Configuration(
            deadline: .seconds(10), retry: standardRetry, breaker: CircuitBreaker.Configuration(),
            attemptTimeout: .seconds(4))

        static let standardRetry = RetryPolicy(baseDelay: .milliseconds(100), maxDelay: .seconds(2), jitter: .full)

        /// Every part off.
        public static let off = Configuration()

        static let durations: ClosedRange<Duration> = .milliseconds(1) ... .seconds(31_536_000)
    }
}
