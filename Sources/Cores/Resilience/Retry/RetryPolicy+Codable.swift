extension RetryPolicy: Codable {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case maxAttempts, baseDelayMilliseconds, multiplier, maxDelayMilliseconds, jitter
    }

    /// - Throws: `DecodingError` that names the setting, its value and what would be right.
    public init(from decoder: any Decoder) throws {
        try self.init(from: decoder, standard: .classic)
    }

    /// - Parameter standard: has the members that are absent.
    init(from decoder: any Decoder, standard: RetryPolicy) throws {
        let fields = try StrictFields<CodingKeys>(decoder)
        let base = try fields.milliseconds(.baseDelayMilliseconds, default: standard.baseDelay)
        self.init(
            maxAttempts: try fields.integer(.maxAttempts, in: 1...Int.max, default: standard.maxAttempts),
            baseDelay: base,
            multiplier: try fields.number(.multiplier, in: 1...1_000, default: standard.multiplier),
            maxDelay: try fields.milliseconds(
                .maxDelayMilliseconds, in: base...StrictFields<CodingKeys>.longest,
                default: max(standard.maxDelay, base)),
            jitter: try fields.choice(.jitter, default: standard.jitter))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(maxAttempts, forKey: .maxAttempts)
        try container.encode(milliseconds: baseDelay, forKey: .baseDelayMilliseconds)
        try container.encode(multiplier, forKey: .multiplier)
        try container.encode(milliseconds: maxDelay, forKey: .maxDelayMilliseconds)
        try container.encode(jitter.rawValue, forKey: .jitter)
    }
}
