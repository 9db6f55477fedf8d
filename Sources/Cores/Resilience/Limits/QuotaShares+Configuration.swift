import ApusPrimitives

extension QuotaShares {
    /// The limit that all instances have together. A value out of range is moved to the nearest in range.
    public struct Configuration: Hashable, Sendable {
        /// How many permits come in every `per` for all instances together: 1 to 1,000,000,000.
        public let permits: Int
        /// 1 ms to 8 hours.
        public let per: Duration
        /// How many permits can be taken at one moment by all instances together; nil: as many as `permits`. Each instance
        /// has its share of it, and at least 1.
        public let burst: Int?
        /// How long a call may be told to wait for its turn, 0 to 1 day.
        public let maxWait: Duration
        /// How much of the limit is divided evenly whatever the demand, so that an instance that was idle can begin at once:
        /// 0 to 1.
        public let evenShare: Double
        /// How many instances there are at least, for one that starts while the store is away and knows of none: 1 to
        /// 100,000.
        public let expectedInstances: Int

        public init(
            permits: Int, per: Duration = .seconds(1), burst: Int? = nil, maxWait: Duration = .zero,
            evenShare: Double = 0.1, expectedInstances: Int = 1
        ) {
            self.permits = permits.clamped(to: RateLimiter.Configuration.permitRange)
            self.per = per.clamped(to: Self.periodRange)
            self.burst = burst?.clamped(to: RateLimiter.Configuration.permitRange)
            self.maxWait = maxWait.clamped(to: .zero...RateLimiter.Configuration.longestWait)
            self.evenShare = evenShare >= 0 ? min(evenShare, 1) : 0
            self.expectedInstances = expectedInstances.clamped(to: Self.instanceRange)
        }

        private static let periodRange = RateLimiter.Configuration.shortestPeriod...Duration.seconds(8 * 3_600)
        private static let instanceRange = 1...100_000
    }
}

extension QuotaShares.Configuration: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case permits, burst, evenShare, expectedInstances
        case per = "perMilliseconds"
        case maxWait = "maxWaitMilliseconds"
    }

    /// `permits` must be there; the rest has the defaults of the other initialiser.
    public init(from decoder: any Decoder) throws {
        let fields = try StrictFields<CodingKeys>(decoder)
        guard fields.has(.permits) else { throw DecodingError.missing(CodingKeys.permits, in: decoder) }
        let permitRange = RateLimiter.Configuration.permitRange
        self.init(
            permits: try fields.integer(.permits, in: permitRange, default: 1),
            per: try fields.milliseconds(.per, in: Self.periodRange, default: .seconds(1)),
            burst: fields.has(.burst) ? try fields.integer(.burst, in: permitRange, default: 1) : nil,
            maxWait: try fields.milliseconds(
                .maxWait, in: .zero...RateLimiter.Configuration.longestWait, default: .zero),
            evenShare: try fields.number(.evenShare, in: 0...1, default: 0.1),
            expectedInstances: try fields.integer(.expectedInstances, in: Self.instanceRange, default: 1))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(permits, forKey: .permits)
        try container.encode(milliseconds: per, forKey: .per)
        try container.encodeIfPresent(burst, forKey: .burst)
        try container.encode(milliseconds: maxWait, forKey: .maxWait)
        try container.encode(evenShare, forKey: .evenShare)
        try container.encode(expectedInstances, forKey: .expectedInstances)
    }
}
