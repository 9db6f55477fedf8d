import ApusPrimitives

extension Bulkhead {
    /// How many may be inside, and how many wait for how long. A value out of range is moved to the nearest in range.
    public struct Configuration: Hashable, Sendable, Codable {
        /// How many calls are under way at a time: 1 to 1,000,000.
        public let maxConcurrent: Int
        /// How many more may wait for a place: 0 to 1,000,000.
        public let maxWaiting: Int
        /// How long each of them waits at most: 0 to 1 hour.
        public let maxWait: Duration

        public init(maxConcurrent: Int = 256, maxWaiting: Int = 256, maxWait: Duration = .seconds(1)) {
            self.maxConcurrent = maxConcurrent.clamped(to: Self.concurrentRange)
            self.maxWaiting = maxWaiting.clamped(to: Self.waitingRange)
            self.maxWait = maxWait.clamped(to: Self.waitRange)
        }

        private static let concurrentRange = 1...1_000_000
        private static let waitingRange = 0...1_000_000
        private static let waitRange = Duration.zero...Duration.seconds(3_600)

        private enum CodingKeys: String, CodingKey, CaseIterable {
            case maxConcurrent, maxWaiting
            case maxWait = "maxWaitMilliseconds"
        }

        public init(from decoder: any Decoder) throws {
            let fields = try StrictFields<CodingKeys>(decoder)
            let standard = Self()
            self.init(
                maxConcurrent: try fields.integer(
                    .maxConcurrent, in: Self.concurrentRange, default: standard.maxConcurrent),
                maxWaiting: try fields.integer(.maxWaiting, in: Self.waitingRange, default: standard.maxWaiting),
                maxWait: try fields.milliseconds(.maxWait, in: Self.waitRange, default: standard.maxWait))
        }

        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(maxConcurrent, forKey: .maxConcurrent)
            try container.encode(maxWaiting, forKey: .maxWaiting)
            try container.encode(milliseconds: maxWait, forKey: .maxWait)
        }
    }
}
