extension CircuitBreaker {
    /// Outcomes that a breaker has seen.
    public struct Counts: Hashable, Sendable, AdditiveArithmetic {
        public var calls: Int
        /// Among `calls`.
        public var failures: Int
        /// Among `calls`, failed or not.
        public var slow: Int

        public init(calls: Int = 0, failures: Int = 0, slow: Int = 0) {
            self.calls = calls
            self.failures = failures
            self.slow = slow
        }

        public static let zero = Counts()

        public static func + (left: Counts, right: Counts) -> Counts {
            Counts(
                calls: left.calls + right.calls, failures: left.failures + right.failures, slow: left.slow + right.slow)
        }

        public static func - (left: Counts, right: Counts) -> Counts {
            Counts(
                calls: left.calls - right.calls, failures: left.failures - right.failures, slow: left.slow - right.slow)
        }
    }
}
