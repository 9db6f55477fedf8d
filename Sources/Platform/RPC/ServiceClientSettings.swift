public import ApusResilience

/// The bounds of a `ServiceClient`.
public struct ServiceClientSettings: Sendable {
    /// How long a call may take in all, its repetitions included, when its caller has no earlier deadline.
    public var timeout = Duration.seconds(10)
    /// How often a call is made at most, the first time included; at least 1.
    public var maxAttempts = 3
    /// The pause when every instance has been tried once.
    public var retry = RetryPolicy(baseDelay: .milliseconds(50), maxDelay: .seconds(1), jitter: .full)
    /// A longer answer is an error.
    public var maxResponseBytes = 4 * 1024 * 1024
    /// Of each instance.
    public var breaker = CircuitBreaker.Configuration()
    /// When an instance that does worse than the others is left out, and how it comes back. For each service.
    public var outliers = OutlierConfiguration()
    /// How many second attempts there may be. For each service.
    public var retryBudget = RetryBudget.Configuration()
    /// A deadline that passes counts against the instance only when it had at least this long to answer: of a caller that
    /// comes with hardly any time left, the instance is not to blame.
    public var blameAfter = Duration.milliseconds(500)

    public init() {}
}
