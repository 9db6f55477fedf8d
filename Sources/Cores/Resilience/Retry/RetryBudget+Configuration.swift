import ApusPrimitives

extension RetryBudget {
    /// How large a budget is. A value out of range is moved to the nearest in range by code, and refused when it is decoded.
    public struct Configuration: Hashable, Sendable {
        /// Second attempts for each call: 0 to 10.
        public let share: Double
        /// Second attempts that are allowed in each second besides: 0 to 10,000. They may come all at once, for a whole
        /// `window`.
        public let floorPerSecond: Double
        /// Over how long calls and second attempts are counted: 1 s to an hour.
        public let window: Duration

        static let shares = 0.0...10.0
        static let floors = 0.0...10_000.0
        static let windows: ClosedRange<Duration> = .seconds(1) ... .seconds(3_600)

        public init(share: Double = 0.2, floorPerSecond: Double = 10, window: Duration = .seconds(10)) {
            self.share = share.clamped(to: Self.shares)
            self.floorPerSecond = floorPerSecond.clamped(to: Self.floors)
            self.window = window.clamped(to: Self.windows)
        }

        func allowed(for calls: Int) -> Int {
            // A hair more than the exact number, so that 0.1 × 30 is 3.
            Int((share * Double(calls) + floorPerSecond * window.seconds) + 1e-9)
        }
    }
}

extension RetryBudget.Configuration: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case share, floorPerSecond, windowMilliseconds
    }

    /// Reads `share`, `floorPerSecond` and `windowMilliseconds`. What is absent has its default.
    ///
    /// - Throws: a `DecodingError` that names the field, its value and the range.
    public init(from decoder: any Decoder) throws {
        let fields = try StrictFields(decoder, keyedBy: CodingKeys.self)
        let standard = Self()
        self.init(
            share: try fields.number(.share, in: Self.shares, default: standard.share),
            floorPerSecond: try fields.number(.floorPerSecond, in: Self.floors, default: standard.floorPerSecond),
            window: try fields.milliseconds(.windowMilliseconds, in: Self.windows, default: standard.window))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(share, forKey: .share)
        try container.encode(floorPerSecond, forKey: .floorPerSecond)
        try container.encode(milliseconds: window, forKey: .windowMilliseconds)
    }
}
