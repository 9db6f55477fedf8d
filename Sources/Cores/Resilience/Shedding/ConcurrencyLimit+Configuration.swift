extension ConcurrencyLimit {
    /// Between which bounds the limit moves, and how. A value out of range is moved to the nearest in range by the
    /// initialiser, and is an error when decoded.
    public struct Configuration: Hashable, Sendable {
        /// The limit before anything was measured: `minimumLimit` to `maximumLimit`.
        public let initialLimit: Int
        /// The limit never falls below: 1 to 100,000.
        public let minimumLimit: Int
        /// The limit never rises above: `minimumLimit` to 100,000.
        public let maximumLimit: Int
        /// How many times the latency without a queue is still right, 1.1 to 10. What is above makes the limit fall.
        public let tolerance: Double
        /// How far the limit moves towards what a window computed: 0.05 to 1.
        public let smoothing: Double
        /// The shortest time in which latencies are collected before the limit moves: 1 ms to 1 min.
        public let sampleWindow: Duration
        /// With fewer outcomes the limit does not move: 5 to 10,000.
        public let minimumSamples: Int
        /// How long a busy limit trusts what it knows of the latency without a queue, before it takes half the load off
        /// for some latencies to measure it again: 100 ms to 1 h, and at least a hundred of those latencies.
        public let probeInterval: Duration
        /// The share of the limit, 0.01 to 1, that each priority may fill; a higher one at least as much as a lower.
        public let shares: Shares

        /// The share of the limit that requests of a priority may fill, together with all others in flight.
        public struct Shares: Hashable, Sendable {
            public let normal: Double
            public let background: Double
            public let sheddable: Double

            public init(normal: Double = 0.9, background: Double = 0.7, sheddable: Double = 0.5) {
                self.normal = normal.clamped(to: 0.01...1)
                self.background = background.clamped(to: 0.01...self.normal)
                self.sheddable = sheddable.clamped(to: 0.01...self.background)
            }

            /// Critical requests may fill all of it.
            public subscript(priority: RequestPriority) -> Double {
                switch priority {
                case .critical: 1
                case .normal: normal
                case .background: background
                case .sheddable: sheddable
                }
            }
        }

        public init(
            initialLimit: Int = 50, minimumLimit: Int = 5, maximumLimit: Int = 1_000, tolerance: Double = 1.5,
            smoothing: Double = 0.5, sampleWindow: Duration = .milliseconds(250), minimumSamples: Int = 25,
            probeInterval: Duration = .seconds(10), shares: Shares = Shares()
        ) {
            self.minimumLimit = min(max(minimumLimit, 1), Self.highestLimit)
            self.maximumLimit = min(max(maximumLimit, self.minimumLimit), Self.highestLimit)
            self.initialLimit = min(max(initialLimit, self.minimumLimit), self.maximumLimit)
            self.tolerance = tolerance.clamped(to: Self.tolerances)
            self.smoothing = smoothing.clamped(to: Self.smoothings)
            self.sampleWindow = min(max(sampleWindow, Self.windows.lowerBound), Self.windows.upperBound)
            self.minimumSamples = min(max(minimumSamples, Self.samples.lowerBound), Self.samples.upperBound)
            self.probeInterval = min(max(probeInterval, Self.intervals.lowerBound), Self.intervals.upperBound)
            self.shares = shares
        }

        private static let highestLimit = 100_000
        private static let tolerances = 1.1...10
        private static let smoothings = 0.05...1
        private static let windows = Duration.milliseconds(1)...Duration.seconds(60)
        private static let samples = 5...10_000
        private static let intervals = Duration.milliseconds(100)...Duration.seconds(3_600)
    }
}

extension ConcurrencyLimit.Configuration: Codable {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case initialLimit, minimumLimit, maximumLimit, tolerance, smoothing
        case sampleWindowMilliseconds, minimumSamples, probeIntervalMilliseconds, shares
    }

    public init(from decoder: any Decoder) throws {
        let standard = Self()
        let fields = try StrictFields<CodingKeys>(decoder)
        let minimum = try fields.integer(.minimumLimit, in: 1...Self.highestLimit, default: standard.minimumLimit)
        let maximum = try fields.integer(
            .maximumLimit, in: minimum...Self.highestLimit, default: max(standard.maximumLimit, minimum))
        self.init(
            initialLimit: try fields.integer(
                .initialLimit, in: minimum...maximum, default: min(max(standard.initialLimit, minimum), maximum)),
            minimumLimit: minimum, maximumLimit: maximum,
            tolerance: try fields.number(.tolerance, in: Self.tolerances, default: standard.tolerance),
            smoothing: try fields.number(.smoothing, in: Self.smoothings, default: standard.smoothing),
            sampleWindow: try fields.milliseconds(
                .sampleWindowMilliseconds, in: Self.windows, default: standard.sampleWindow),
            minimumSamples: try fields.integer(.minimumSamples, in: Self.samples, default: standard.minimumSamples),
            probeInterval: try fields.milliseconds(
                .probeIntervalMilliseconds, in: Self.intervals, default: standard.probeInterval),
            shares: try fields.nested(.shares, default: standard.shares))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(initialLimit, forKey: .initialLimit)
        try container.encode(minimumLimit, forKey: .minimumLimit)
        try container.encode(maximumLimit, forKey: .maximumLimit)
        try container.encode(tolerance, forKey: .tolerance)
        try container.encode(smoothing, forKey: .smoothing)
        try container.encode(milliseconds: sampleWindow, forKey: .sampleWindowMilliseconds)
        try container.encode(minimumSamples, forKey: .minimumSamples)
        try container.encode(milliseconds: probeInterval, forKey: .probeIntervalMilliseconds)
        try container.encode(shares, forKey: .shares)
    }
}

extension ConcurrencyLimit.Configuration.Shares: Codable {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case normal, background, sheddable
    }

    public init(from decoder: any Decoder) throws {
        let standard = Self()
        let fields = try StrictFields<CodingKeys>(decoder)
        let normal = try fields.number(.normal, in: 0.01...1, default: standard.normal)
        let background = try fields.number(
            .background, in: 0.01...normal, default: min(standard.background, normal))
        let sheddable = try fields.number(
            .sheddable, in: 0.01...background, default: min(standard.sheddable, background))
        self.init(normal: normal, background: background, sheddable: sheddable)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(normal, forKey: .normal)
        try container.encode(background, forKey: .background)
        try container.encode(sheddable, forKey: .sheddable)
    }
}
