extension Hedge {
    /// When an extra call begins, and how many there may be. A value out of range is moved to the nearest in range by the
    /// initialiser, and is an error when decoded.
    public struct Configuration: Hashable, Sendable {
        public let delay: Delay
        /// How many calls there may be besides the first: 1 to 10. Each begins one delay after the one before.
        public let maxExtraCalls: Int
        /// Extra calls as a share of all: 0.001 to 1. There are never more.
        public let budget: Double
        /// How many unused extra calls are kept for later: 1 to 10,000.
        public let burst: Int
        /// A quantile means nothing before this many latencies, and there is no hedging: 1 to 1,000.
        public let minimumSamples: Int
        /// No extra call begins earlier than this after the one before, whatever the quantile: 0 to 1 h.
        public let minimumDelay: Duration

        /// How long a call is waited for before another begins.
        public enum Delay: Hashable, Sendable {
            /// 0 to 1 h.
            case fixed(Duration)
            /// As long as this share of the calls, 0.5 to 0.9999, needed of late.
            case quantile(Double)
        }

        public init(
            delay: Delay = .quantile(0.95), maxExtraCalls: Int = 1, budget: Double = 0.05, burst: Int = 10,
            minimumSamples: Int = 100, minimumDelay: Duration = .milliseconds(1)
        ) {
            self.delay =
                switch delay {
                case .fixed(let duration): .fixed(min(max(duration, .zero), Self.delays.upperBound))
                case .quantile(let rank): .quantile(rank.clamped(to: Self.ranks))
                }
            self.maxExtraCalls = min(max(maxExtraCalls, Self.extraCalls.lowerBound), Self.extraCalls.upperBound)
            self.budget = budget.clamped(to: Self.budgets)
            self.burst = min(max(burst, Self.bursts.lowerBound), Self.bursts.upperBound)
            self.minimumSamples = min(max(minimumSamples, Self.samples.lowerBound), Self.samples.upperBound)
            self.minimumDelay = min(max(minimumDelay, .zero), Self.delays.upperBound)
        }

        private static let delays = Duration.zero...Duration.seconds(3_600)
        private static let ranks = 0.5...0.9999
        private static let extraCalls = 1...10
        private static let budgets = 0.001...1
        private static let bursts = 1...10_000
        private static let samples = 1...1_000
    }
}

/// `delayMilliseconds` or `delayQuantile`, not both.
extension Hedge.Configuration: Codable {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case delayMilliseconds, delayQuantile, maxExtraCalls, budget, burst, minimumSamples, minimumDelayMilliseconds
    }

    public init(from decoder: any Decoder) throws {
        let standard = Self()
        let fields = try StrictFields<CodingKeys>(decoder)
        let delay: Delay
        if fields.has(.delayMilliseconds) {
            guard !fields.has(.delayQuantile) else {
                throw fields.error(.delayQuantile, "possible together with delayMilliseconds")
            }
            delay = .fixed(try fields.milliseconds(.delayMilliseconds, in: Self.delays, default: .zero))
        } else if fields.has(.delayQuantile) {
            delay = .quantile(try fields.number(.delayQuantile, in: Self.ranks, default: 0.95))
        } else {
            delay = standard.delay
        }
        self.init(
            delay: delay,
            maxExtraCalls: try fields.integer(
                .maxExtraCalls, in: Self.extraCalls, default: standard.maxExtraCalls),
            budget: try fields.number(.budget, in: Self.budgets, default: standard.budget),
            burst: try fields.integer(.burst, in: Self.bursts, default: standard.burst),
            minimumSamples: try fields.integer(.minimumSamples, in: Self.samples, default: standard.minimumSamples),
            minimumDelay: try fields.milliseconds(
                .minimumDelayMilliseconds, in: Self.delays, default: standard.minimumDelay))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch delay {
        case .fixed(let duration): try container.encode(milliseconds: duration, forKey: .delayMilliseconds)
        case .quantile(let rank): try container.encode(rank, forKey: .delayQuantile)
        }
        try container.encode(maxExtraCalls, forKey: .maxExtraCalls)
        try container.encode(budget, forKey: .budget)
        try container.encode(burst, forKey: .burst)
        try container.encode(minimumSamples, forKey: .minimumSamples)
        try container.encode(milliseconds: minimumDelay, forKey: .minimumDelayMilliseconds)
    }
}
