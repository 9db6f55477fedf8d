import ApusPrimitives

extension AdaptiveBreaker {
    /// How much is refused, and how it comes back. A value out of range is moved to the nearest in range by code, and
    /// refused when it is decoded.
    public struct Configuration: Hashable, Sendable {
        /// Over how long requests and accepts are counted: 1 s to an hour.
        public let window: Duration
        /// How many requests may be sent for each accept, 1.01 to 100: more finds out sooner that the callee is back, less
        /// spares it more.
        public let k: Double
        /// Nothing is refused before the window holds this many requests: 1 to 65,536.
        public let minimumCalls: Int
        /// One call passes in each, whatever came of those before: 1 ms to an hour.
        public let probeInterval: Duration
        /// How long all must go well until the time before is forgotten: 1 ms to an hour.
        public let recovery: Duration

        static let windows: ClosedRange<Duration> = .seconds(1) ... .seconds(3_600)
        static let multiples = 1.01...100.0
        static let minima = 1...65_536
        static let intervals: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3_600)

        public init(
            window: Duration = .seconds(10), k: Double = 2, minimumCalls: Int = 10,
            probeInterval: Duration = .seconds(1), recovery: Duration = .seconds(1)
        ) {
            self.window = window.clamped(to: Self.windows)
            self.k = k.clamped(to: Self.multiples)
            self.minimumCalls = minimumCalls.clamped(to: Self.minima)
            self.probeInterval = probeInterval.clamped(to: Self.intervals)
            self.recovery = recovery.clamped(to: Self.intervals)
        }
    }
}

extension AdaptiveBreaker.Configuration: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case windowMilliseconds, k, minimumCalls, probeIntervalMilliseconds, recoveryMilliseconds
    }

    /// Reads the settings by their names, durations in whole milliseconds. What is absent has its default.
    ///
    /// - Throws: a `DecodingError` that names the field, its value and the range.
    public init(from decoder: any Decoder) throws {
        let fields = try StrictFields(decoder, keyedBy: CodingKeys.self)
        let standard = Self()
        self.init(
            window: try fields.milliseconds(.windowMilliseconds, in: Self.windows, default: standard.window),
            k: try fields.number(.k, in: Self.multiples, default: standard.k),
            minimumCalls: try fields.integer(.minimumCalls, in: Self.minima, default: standard.minimumCalls),
            probeInterval: try fields.milliseconds(
                .probeIntervalMilliseconds, in: Self.intervals, default: standard.probeInterval),
            recovery: try fields.milliseconds(.recoveryMilliseconds, in: Self.intervals, default: standard.recovery))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(milliseconds: window, forKey: .windowMilliseconds)
        try container.encode(k, forKey: .k)
        try container.encode(minimumCalls, forKey: .minimumCalls)
        try container.encode(milliseconds: probeInterval, forKey: .probeIntervalMilliseconds)
        try container.encode(milliseconds: recovery, forKey: .recoveryMilliseconds)
    }
}
