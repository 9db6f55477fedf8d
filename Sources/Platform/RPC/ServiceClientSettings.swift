public import ApusResilience

/// The bounds of a `ServiceClient`.
public struct ServiceClientSettings: Sendable {
    /// How long a call may take in all, its repetitions included, when its caller has no earlier deadline.
    public var timeout = Duration.seconds(10)
    /// How long an instance may take to accept a connection.
    public var connectTimeout = Duration.seconds(1)
    /// How often a call is made at most, the first time included; at least 1.
    public var maxAttempts = 3
    /// The pause when every instance has been tried once.
    public var retry = RetryPolicy(baseDelay: .milliseconds(50), maxDelay: .seconds(1), jitter: .full)
    /// A longer answer is an error.
    public var maxResponseBytes = 4 * 1024 * 1024
    /// Of each instance.
    public var breaker = CircuitBreaker.Configuration()

    public init() {}
}
