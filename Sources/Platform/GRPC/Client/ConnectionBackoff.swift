/// The waits between attempts to connect (gRPC's `connection-backoff.md`). Pure.
public struct ConnectionBackoff: Hashable, Sendable {
    /// The wait after the first failure.
    public var initial: Duration
    public var multiplier: Double
    /// Each wait is spread by this much of itself, up and down; 0 to 1.
    public var jitter: Double
    public var maximum: Duration
    /// An attempt has at least this long before it counts as failed.
    public var minimumConnectTimeout: Duration

    public init(
        initial: Duration = .seconds(1), multiplier: Double = 1.6, jitter: Double = 0.2,
        maximum: Duration = .seconds(120), minimumConnectTimeout: Duration = .seconds(20)
    ) {
        self.initial = max(initial, .zero)
        self.multiplier = max(multiplier, 1)
        self.jitter = min(max(jitter, 0), 1)
        self.maximum = max(maximum, self.initial)
        self.minimumConnectTimeout = max(minimumConnectTimeout, .milliseconds(1))
    }

    /// - Parameter failures: attempts that failed in a row, this one included; at least 1.
    func delay(afterFailures failures: Int, using random: inout some RandomNumberGenerator) -> Duration {
        var delay = min(initial, maximum)
        var left = failures - 1
        while left > 0, delay < maximum {
            delay = min(delay * multiplier, maximum)
            left -= 1
        }
        return delay * Double.random(in: (1 - jitter)...(1 + jitter), using: &random)
    }
}
