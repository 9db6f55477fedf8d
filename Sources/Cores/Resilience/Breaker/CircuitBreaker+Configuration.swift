extension CircuitBreaker {
    /// When the breaker opens and how it comes back. A value out of range is moved to the nearest in range.
    public struct Configuration: Hashable, Sendable {
        /// How many of the last calls are looked at: 1 to 65,536.
        public let windowSize: Int
        /// The rate means nothing before this many calls: 1 to `windowSize`.
        public let minimumCalls: Int
        /// The share of failures, 0.001 to 1, from which on the breaker is open.
        public let failureRateThreshold: Double
        /// How long calls are refused before the first probe; not negative. Also how long a probe may go without an
        /// outcome before its place is given to another.
        public let openFor: Duration
        /// How many calls pass at a time while half-open, and over how many the rate is judged: 1 to 1,024.
        public let halfOpenProbes: Int

        public init(
            windowSize: Int = 100, minimumCalls: Int = 10, failureRateThreshold: Double = 0.5,
            openFor: Duration = .seconds(5), halfOpenProbes: Int = 3
        ) {
            self.windowSize = min(max(windowSize, 1), 65_536)
            self.minimumCalls = min(max(minimumCalls, 1), self.windowSize)
            self.failureRateThreshold = failureRateThreshold > 0.001 ? min(failureRateThreshold, 1) : 0.001
            self.openFor = max(openFor, .zero)
            self.halfOpenProbes = min(max(halfOpenProbes, 1), 1_024)
        }
    }
}
