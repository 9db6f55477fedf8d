import ApusPrimitives

/// When a host is left out, for how long, and how it comes back. A value out of range is moved to the nearest in range by
/// code, and refused when it is decoded.
public struct OutlierConfiguration: Hashable, Sendable {
    /// Failures in a row that eject a host: 1 to 1,000,000.
    public let consecutiveFailures: Int
    /// How often the success rates are compared, and how long a host must have been in for its next ejection to be one step
    /// shorter: 100 ms to an hour.
    public let interval: Duration
    /// Rates say nothing with fewer hosts: 3 to 1,000. With four or fewer none can be 1.9 standard deviations from the mean.
    public let successRateMinimumHosts: Int
    /// Hosts with fewer calls in the interval are not compared: 1 to 1,000,000.
    public let successRateMinimumCalls: Int
    /// How many standard deviations under the mean a success rate ejects a host: 0 to 100.
    public let successRateFactor: Double
    /// How far under the mean it must be at least, 0 to 1: among hosts that are almost perfect, any difference is many
    /// standard deviations.
    public let successRateMargin: Double
    /// How long the first ejection lasts, 1 ms to an hour; each one that follows is as much longer.
    public let baseEjection: Duration
    /// No ejection lasts longer: `baseEjection` to a day.
    public let maxEjection: Duration
    /// The share of the hosts that answers may eject, 0 to 1; one of two or more always may be.
    public let maxEjectedShare: Double
    /// How long a host that is back takes until it has its whole weight, 0 to an hour. Zero gives it at once.
    public let slowStart: Duration

    static let counts = 1...1_000_000
    static let hosts = 3...1_000
    static let factors = 0.0...100.0
    static let shares = 0.0...1.0
    static let intervals: ClosedRange<Duration> = .milliseconds(100) ... .seconds(3_600)
    static let bases: ClosedRange<Duration> = .milliseconds(1) ... .seconds(3_600)
    static let longest = Duration.seconds(86_400)
    static let starts: ClosedRange<Duration> = .zero ... .seconds(3_600)

    public init(
        consecutiveFailures: Int = 5, interval: Duration = .seconds(10), successRateMinimumHosts: Int = 5,
        successRateMinimumCalls: Int = 100, successRateFactor: Double = 1.9, successRateMargin: Double = 0.05,
        baseEjection: Duration = .seconds(1), maxEjection: Duration = .seconds(30), maxEjectedShare: Double = 0.5,
        slowStart: Duration = .seconds(10)
    ) {
        self.consecutiveFailures = consecutiveFailures.clamped(to: Self.counts)
        self.interval = interval.clamped(to: Self.intervals)
        self.successRateMinimumHosts = successRateMinimumHosts.clamped(to: Self.hosts)
        self.successRateMinimumCalls = successRateMinimumCalls.clamped(to: Self.counts)
        self.successRateFactor = successRateFactor.clamped(to: Self.factors)
        self.successRateMargin = successRateMargin.clamped(to: Self.shares)
        self.baseEjection = baseEjection.clamped(to: Self.bases)
        self.maxEjection = maxEjection.clamped(to: self.baseEjection...Self.longest)
        self.maxEjectedShare = maxEjectedShare.clamped(to: Self.shares)
        self.slowStart = slowStart.clamped(to: Self.starts)
    }
}

extension OutlierConfiguration: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case consecutiveFailures, intervalMilliseconds, successRateMinimumHosts, successRateMinimumCalls
        case successRateFactor, successRateMargin, baseEjectionMilliseconds, maxEjectionMilliseconds, maxEjectedShare
        case slowStartMilliseconds
    }

    /// Reads the settings by their names, durations in whole milliseconds. What is absent has its default.
    ///
    /// - Throws: a `DecodingError` that names the field, its value and the range.
    public init(from decoder: any Decoder) throws {
        let fields = try StrictFields(decoder, keyedBy: CodingKeys.self)
        let standard = Self()
        let base = try fields.milliseconds(.baseEjectionMilliseconds, in: Self.bases, default: standard.baseEjection)
        self.init(
            consecutiveFailures: try fields.integer(
                .consecutiveFailures, in: Self.counts, default: standard.consecutiveFailures),
            interval: try fields.milliseconds(.intervalMilliseconds, in: Self.intervals, default: standard.interval),
            successRateMinimumHosts: try fields.integer(
                .successRateMinimumHosts, in: Self.hosts, default: standard.successRateMinimumHosts),
            successRateMinimumCalls: try fields.integer(
                .successRateMinimumCalls, in: Self.counts, default: standard.successRateMinimumCalls),
            successRateFactor: try fields.number(
                .successRateFactor, in: Self.factors, default: standard.successRateFactor),
            successRateMargin: try fields.number(
                .successRateMargin, in: Self.shares, default: standard.successRateMargin),
            baseEjection: base,
            maxEjection: try fields.milliseconds(
                .maxEjectionMilliseconds, in: base...Self.longest, default: max(standard.maxEjection, base)),
            maxEjectedShare: try fields.number(.maxEjectedShare, in: Self.shares, default: standard.maxEjectedShare),
            slowStart: try fields.milliseconds(.slowStartMilliseconds, in: Self.starts, default: standard.slowStart))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(consecutiveFailures, forKey: .consecutiveFailures)
        try container.encode(milliseconds: interval, forKey: .intervalMilliseconds)
        try container.encode(successRateMinimumHosts, forKey: .successRateMinimumHosts)
        try container.encode(successRateMinimumCalls, forKey: .successRateMinimumCalls)
        try container.encode(successRateFactor, forKey: .successRateFactor)
        try container.encode(successRateMargin, forKey: .successRateMargin)
        try container.encode(milliseconds: baseEjection, forKey: .baseEjectionMilliseconds)
        try container.encode(milliseconds: maxEjection, forKey: .maxEjectionMilliseconds)
        try container.encode(maxEjectedShare, forKey: .maxEjectedShare)
        try container.encode(milliseconds: slowStart, forKey: .slowStartMilliseconds)
    }
}
