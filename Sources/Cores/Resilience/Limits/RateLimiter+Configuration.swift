import ApusPrimitives

extension RateLimiter {
    /// How calls are counted.
    public enum Algorithm: String, Hashable, Sendable, Codable, CaseIterable {
        /// A bucket of `burst` tokens that fills evenly: `permits` in every `per`.
        case tokenBucket
        /// The same decisions from one number, the theoretical arrival time: for very many keys.
        case gcra
        /// At most `permits` in any stretch of time of length `per`, with no burst on top of it.
        case slidingWindow
    }

    /// How many calls may go. A value out of range is moved to the nearest in range.
    public struct Configuration: Hashable, Sendable {
        public let algorithm: Algorithm
        /// How many permits come in every `per`: 1 to 1,000,000,000.
        public let permits: Int
        /// 1 ms to 366 days.
        public let per: Duration
        /// How many permits can be taken at one moment, 1 to 1,000,000,000; nil: as many as `permits`. Not for the sliding
        /// window, where it is `permits`.
        public let burst: Int?
        /// How long a call may be told to wait for its turn, 0 to 1 day. Zero: it goes now or is refused.
        public let maxWait: Duration

        public init(
            algorithm: Algorithm = .tokenBucket, permits: Int, per: Duration = .seconds(1), burst: Int? = nil,
            maxWait: Duration = .zero
        ) {
            self.algorithm = algorithm
            self.permits = permits.clamped(to: Self.permitRange)
            self.per = min(max(per, Self.shortestPeriod), Self.longestPeriod)
            self.burst = algorithm == .slidingWindow ? nil : burst?.clamped(to: Self.permitRange)
            self.maxWait = min(max(maxWait, .zero), Self.longestWait)
        }

        /// How many permits can be taken at one moment at most.
        public var effectiveBurst: Int { burst ?? permits }

        static let permitRange = 1...1_000_000_000
        static let shortestPeriod = Duration.milliseconds(1)
        static let longestPeriod = Duration.seconds(366 * 86_400)
        static let longestWait = Duration.seconds(86_400)
    }
}

extension RateLimiter.Configuration: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case algorithm, permits, burst
        case per = "perMilliseconds"
        case maxWait = "maxWaitMilliseconds"
    }

    /// `permits` must be there; the rest has the defaults of the other initialiser.
    public init(from decoder: any Decoder) throws {
        let fields = try StrictFields<CodingKeys>(decoder)
        guard fields.has(.permits) else { throw DecodingError.missing(CodingKeys.permits, in: decoder) }
        let algorithm = try fields.choice(.algorithm, default: RateLimiter.Algorithm.tokenBucket)
        if algorithm == .slidingWindow, fields.has(.burst) {
            throw fields.error(.burst, "allowed with a sliding window, which has no burst")
        }
        let permits = try fields.integer(.permits, in: Self.permitRange, default: 1)
        self.init(
            algorithm: algorithm, permits: permits,
            per: try fields.milliseconds(
                .per, in: Self.shortestPeriod...Self.longestPeriod, default: .seconds(1)),
            burst: fields.has(.burst) ? try fields.integer(.burst, in: Self.permitRange, default: permits) : nil,
            maxWait: try fields.milliseconds(.maxWait, in: .zero...Self.longestWait, default: .zero))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(algorithm, forKey: .algorithm)
        try container.encode(permits, forKey: .permits)
        try container.encode(milliseconds: per, forKey: .per)
        try container.encodeIfPresent(burst, forKey: .burst)
        try container.encode(milliseconds: maxWait, forKey: .maxWait)
    }
}
