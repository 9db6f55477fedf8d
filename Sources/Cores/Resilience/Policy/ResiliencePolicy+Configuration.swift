extension ResiliencePolicy {
    /// Which parts a policy has, and how each is set. A part that is nil is off.
    ///
    /// In JSON a part that is absent is as in `standard`, `false` switches it off and `true` on with its defaults, which are
    /// also those of members that are absent in it:
    ///
    /// ```json
    /// {"deadlineMilliseconds": 2000, "retry": {"maxAttempts": 2}, "breaker": false}
    /// ```
    public struct Configuration: Hashable, Sendable {
        /// How long a call may take in all, its waits and retries included: 1 ms to a year. A caller's earlier deadline
        /// counts.
        public var deadline: Duration?
        public var rateLimit: RateLimiter.Configuration?
        public var loadShedding: ConcurrencyLimit.Configuration?
        public var bulkhead: Bulkhead.Configuration?
        public var retry: RetryPolicy?
        /// Of all retries together; without `retry` it means nothing.
        public var retryBudget: RetryBudget.Configuration?
        public var hedge: Hedge.Configuration?
        public var breaker: CircuitBreaker.Configuration?
        /// Asked before `breaker`; one of the two is enough.
        public var adaptiveBreaker: AdaptiveBreaker.Configuration?
        /// How long one attempt may take, 1 ms to a year.
        public var attemptTimeout: Duration?

        /// Everything that is not named is off.
        public init(
            deadline: Duration? = nil, rateLimit: RateLimiter.Configuration? = nil,
            loadShedding: ConcurrencyLimit.Configuration? = nil, bulkhead: Bulkhead.Configuration? = nil,
            retry: RetryPolicy? = nil, retryBudget: RetryBudget.Configuration? = nil,
            hedge: Hedge.Configuration? = nil, breaker: CircuitBreaker.Configuration? = nil,
            adaptiveBreaker: AdaptiveBreaker.Configuration? = nil, attemptTimeout: Duration? = nil
        ) {
            self.deadline = deadline
            self.rateLimit = rateLimit
            self.loadShedding = loadShedding
            self.bulkhead = bulkhead
            self.retry = retry
            self.retryBudget = retryBudget
            self.hedge = hedge
            self.breaker = breaker
            self.adaptiveBreaker = adaptiveBreaker
            self.attemptTimeout = attemptTimeout
        }

        /// What every call of another service should have: ten seconds in all and four for an attempt, an adaptive limit
        /// and a bulkhead, three attempts within a budget, and a breaker.
        ///
        /// A rate limit is not part of it, because only the owner of the callee knows the rate, nor is a hedge, because
        /// it adds load, nor the adaptive breaker beside the other.
        public static let standard = Configuration(
            deadline: .seconds(10), loadShedding: ConcurrencyLimit.Configuration(),
            bulkhead: Bulkhead.Configuration(), retry: standardRetry, retryBudget: RetryBudget.Configuration(),
            breaker: CircuitBreaker.Configuration(), attemptTimeout: .seconds(4))

        /// Every part off.
        public static let off = Configuration()

        static let standardRetry = RetryPolicy(baseDelay: .milliseconds(100), maxDelay: .seconds(2), jitter: .full)
        static let durations: ClosedRange<Duration> = .milliseconds(1) ... .seconds(31_536_000)
    }
}

extension ResiliencePolicy.Configuration: Codable {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case deadlineMilliseconds, rateLimit, loadShedding, bulkhead, retry, retryBudget, hedge, breaker
        case adaptiveBreaker, attemptTimeoutMilliseconds
    }

    /// - Throws: a `DecodingError` that names the setting, its value and what would be right.
    public init(from decoder: any Decoder) throws {
        let standard = Self.standard
        let fields = try StrictFields<CodingKeys>(decoder)
        deadline = try fields.optionalMilliseconds(
            .deadlineMilliseconds, in: Self.durations, absent: standard.deadline)
        rateLimit = try fields.part(.rateLimit)
        loadShedding = try fields.part(
            .loadShedding, standard: ConcurrencyLimit.Configuration(), absent: standard.loadShedding)
        bulkhead = try fields.part(.bulkhead, standard: Bulkhead.Configuration(), absent: standard.bulkhead)
        retry = try fields.part(.retry, standard: StandardRetry(), absent: StandardRetry())?.policy
        retryBudget = try fields.part(
            .retryBudget, standard: RetryBudget.Configuration(), absent: standard.retryBudget)
        hedge = try fields.part(.hedge, standard: Hedge.Configuration(), absent: standard.hedge)
        breaker = try fields.part(.breaker, standard: CircuitBreaker.Configuration(), absent: standard.breaker)
        adaptiveBreaker = try fields.part(
            .adaptiveBreaker, standard: AdaptiveBreaker.Configuration(), absent: standard.adaptiveBreaker)
        attemptTimeout = try fields.optionalMilliseconds(
            .attemptTimeoutMilliseconds, in: Self.durations, absent: standard.attemptTimeout)
    }

    /// What is absent in the policy's retry is as in `standard`, and not as in a retry by itself.
    private struct StandardRetry: Decodable {
        var policy = ResiliencePolicy.Configuration.standardRetry

        init() {}

        init(from decoder: any Decoder) throws {
            policy = try RetryPolicy(from: decoder, standard: policy)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(optionalMilliseconds: deadline, forKey: .deadlineMilliseconds)
        try container.encode(part: rateLimit, forKey: .rateLimit)
        try container.encode(part: loadShedding, forKey: .loadShedding)
        try container.encode(part: bulkhead, forKey: .bulkhead)
        try container.encode(part: retry, forKey: .retry)
        try container.encode(part: retryBudget, forKey: .retryBudget)
        try container.encode(part: hedge, forKey: .hedge)
        try container.encode(part: breaker, forKey: .breaker)
        try container.encode(part: adaptiveBreaker, forKey: .adaptiveBreaker)
        try container.encode(optionalMilliseconds: attemptTimeout, forKey: .attemptTimeoutMilliseconds)
    }
}
