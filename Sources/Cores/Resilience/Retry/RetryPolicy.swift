import ApusPrimitives

/// How often a failed call is tried again, and after which waits. Pure: `next` decides, `run` waits.
///
/// The waits are those of M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
public struct RetryPolicy: Hashable, Sendable {
    /// How the computed wait is spread, so that clients that failed together do not come back together.
    public enum Jitter: String, Hashable, Sendable, CaseIterable {
        /// Exactly `baseDelay × multiplier^(n-1)`.
        case none
        /// Anything from 0 to that.
        case full
        /// Anything from `baseDelay` to three times the wait before; `multiplier` does not count.
        case decorrelated
    }

    /// All attempts together, the first included; at least 1. `Int.max` retries for ever.
    public let maxAttempts: Int
    /// The wait after the first attempt; not negative.
    public let baseDelay: Duration
    /// How much longer each wait is than the one before; at least 1.
    public let multiplier: Double
    /// No wait is longer; at least `baseDelay`.
    public let maxDelay: Duration
    public let jitter: Jitter

    /// Values out of range are moved to the nearest in range, so that a bad setting cannot crash a service.
    public init(
        maxAttempts: Int = 3, baseDelay: Duration = .seconds(1), multiplier: Double = 2,
        maxDelay: Duration = .seconds(30), jitter: Jitter = .none
    ) {
        self.maxAttempts = max(maxAttempts, 1)
        self.baseDelay = max(baseDelay, .zero)
        self.multiplier = multiplier >= 1 ? multiplier : 1
        self.maxDelay = max(maxDelay, self.baseDelay)
        self.jitter = jitter
    }

    /// Three attempts, the second after 1 s, the third after 2 s more.
    public static let classic = RetryPolicy()

    /// One attempt.
    public static let never = RetryPolicy(maxAttempts: 1)

    /// The wait after attempt number `n` (from 1) failed, before `maxAttempts` or a deadline is considered.
    ///
    /// - Parameter previous: the wait before attempt `n`, for decorrelated jitter; zero when there was none.
    public func delay(
        afterAttempt n: Int, previous: Duration = .zero, using random: inout some RandomNumberGenerator
    ) -> Duration {
        switch jitter {
        case .none: return backoff(afterAttempt: n)
        case .full: return .nanoseconds(Int64.random(in: 0...backoff(afterAttempt: n).nanoseconds, using: &random))
        case .decorrelated:
            let low = baseDelay.nanoseconds
            let (tripled, overflow) = max(previous, baseDelay).nanoseconds.multipliedReportingOverflow(by: 3)
            let high = overflow ? Int64.max : tripled
            return min(.nanoseconds(Int64.random(in: low...high, using: &random)), maxDelay)
        }
    }

    private func backoff(afterAttempt n: Int) -> Duration {
        guard baseDelay > .zero else { return .zero }
        let limit = maxDelay.nanoseconds
        let delay = Double(baseDelay.nanoseconds) * power(multiplier, max(n, 1) - 1)
        return delay < Double(limit) ? .nanoseconds(Int64(delay)) : .nanoseconds(limit)
    }

    /// By squaring, so that a hopeless retry's millionth wait costs no more than its first.
    private func power(_ base: Double, _ exponent: Int) -> Double {
        var result = 1.0
        var square = base
        var rest = exponent
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }
}
