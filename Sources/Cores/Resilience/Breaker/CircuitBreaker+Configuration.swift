import ApusPrimitives

extension CircuitBreaker {
    /// Over which calls the rates of a closed breaker are computed.
    public enum Window: Hashable, Sendable {
        /// The last so many: 1 to 65,536.
        case calls(Int)
        /// Those that ended in the last time, 1 ms to a day, counted in 1 to 1,000 buckets of at least 1 ms: the oldest
        /// bucket is forgotten at once.
        case time(Duration, buckets: Int = 10)

        static let sizes = 1...65_536
        static let lengths: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)

        static func buckets(of length: Duration) -> ClosedRange<Int> {
            1...Int(min(max(length.nanoseconds / 1_000_000, 1), 1_000))
        }

        var clamped: Window {
            switch self {
            case .calls(let size): return .calls(size.clamped(to: Self.sizes))
            case .time(let length, let buckets):
                let length = length.clamped(to: Self.lengths)
                return .time(length, buckets: buckets.clamped(to: Self.buckets(of: length)))
            }
        }

        /// More calls than this cannot be asked for.
        var largestMinimum: Int {
            if case .calls(let size) = self { size } else { Self.sizes.upperBound }
        }
    }

    /// When the breaker opens and how it comes back. A value out of range is moved to the nearest in range by code, and
    /// refused when it is decoded.
    public struct Configuration: Hashable, Sendable {
        public let window: Window
        /// The rates mean nothing before this many calls: 1 to 65,536, and no more than a window of calls holds.
        public let minimumCalls: Int
        /// The share of failures, 0.001 to 1, from which on the breaker is open.
        public let failureRateThreshold: Double
        /// A call that takes longer is slow, whatever comes of it; positive. Nil when no call is.
        public let slowCallDuration: Duration?
        /// The share of slow calls, 0.001 to 1, from which on the breaker is open.
        public let slowCallRateThreshold: Double
        /// How long calls are refused before the first probe; not negative. Also how long a probe may go without an
        /// outcome before its place is given to another.
        public let openFor: Duration
        /// How many calls pass at a time while half-open, and over how many the rates are judged: 1 to 1,024.
        public let halfOpenProbes: Int

        static let rates = 0.001...1.0
        static let probes = 1...1_024

        public init(
            window: Window = .calls(100), minimumCalls: Int = 10, failureRateThreshold: Double = 0.5,
            slowCallDuration: Duration? = nil, slowCallRateThreshold: Double = 0.5, openFor: Duration = .seconds(5),
            halfOpenProbes: Int = 3
        ) {
            self.window = window.clamped
            self.minimumCalls = minimumCalls.clamped(to: 1...self.window.largestMinimum)
            self.failureRateThreshold = failureRateThreshold.clamped(to: Self.rates)
            self.slowCallDuration = slowCallDuration.map { max($0, .nanoseconds(1)) }
            self.slowCallRateThreshold = slowCallRateThreshold.clamped(to: Self.rates)
            self.openFor = max(openFor, .zero)
            self.halfOpenProbes = halfOpenProbes.clamped(to: Self.probes)
        }
    }
}

extension CircuitBreaker.Configuration: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case windowCalls, windowMilliseconds, windowBuckets, minimumCalls, failureRateThreshold, slowCallMilliseconds
        case slowCallRateThreshold, openMilliseconds, halfOpenProbes
    }

    /// Reads `windowCalls`, or `windowMilliseconds` and `windowBuckets`, and the other settings by their names, with
    /// `slowCallMilliseconds` and `openMilliseconds` in whole milliseconds. What is absent has its default.
    ///
    /// - Throws: a `DecodingError` that names the field, its value and the range.
    public init(from decoder: any Decoder) throws {
        let fields = try StrictFields(decoder, keyedBy: CodingKeys.self)
        let standard = Self()
        let window: CircuitBreaker.Window
        if fields.has(.windowMilliseconds) {
            if fields.has(.windowCalls) { throw fields.error(.windowCalls, "used together with windowMilliseconds") }
            let length = try fields.milliseconds(
                .windowMilliseconds, in: CircuitBreaker.Window.lengths, default: .seconds(10))
            let buckets = CircuitBreaker.Window.buckets(of: length)
            window = .time(
                length,
                buckets: try fields.integer(.windowBuckets, in: buckets, default: min(10, buckets.upperBound)))
        } else {
            if fields.has(.windowBuckets) { throw fields.error(.windowBuckets, "used without windowMilliseconds") }
            window = .calls(try fields.integer(.windowCalls, in: CircuitBreaker.Window.sizes, default: 100))
        }
        let slow = try fields.milliseconds(
            .slowCallMilliseconds, in: .milliseconds(1)...StrictFields<CodingKeys>.longest, default: .zero)
        self.init(
            window: window,
            minimumCalls: try fields.integer(
                .minimumCalls, in: 1...window.largestMinimum, default: standard.minimumCalls),
            failureRateThreshold: try fields.number(
                .failureRateThreshold, in: Self.rates, default: standard.failureRateThreshold),
            slowCallDuration: slow == .zero ? nil : slow,
            slowCallRateThreshold: try fields.number(
                .slowCallRateThreshold, in: Self.rates, default: standard.slowCallRateThreshold),
            openFor: try fields.milliseconds(.openMilliseconds, default: standard.openFor),
            halfOpenProbes: try fields.integer(.halfOpenProbes, in: Self.probes, default: standard.halfOpenProbes))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch window {
        case .calls(let size): try container.encode(size, forKey: .windowCalls)
        case .time(let length, let buckets):
            try container.encode(milliseconds: length, forKey: .windowMilliseconds)
            try container.encode(buckets, forKey: .windowBuckets)
        }
        try container.encode(minimumCalls, forKey: .minimumCalls)
        try container.encode(failureRateThreshold, forKey: .failureRateThreshold)
        if let slowCallDuration { try container.encode(milliseconds: slowCallDuration, forKey: .slowCallMilliseconds) }
        try container.encode(slowCallRateThreshold, forKey: .slowCallRateThreshold)
        try container.encode(milliseconds: openFor, forKey: .openMilliseconds)
        try container.encode(halfOpenProbes, forKey: .halfOpenProbes)
    }
}
