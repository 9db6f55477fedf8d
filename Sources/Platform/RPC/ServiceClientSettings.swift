public import ApusResilience

/// The bounds of a `ServiceClient`.
public struct ServiceClientSettings: Sendable {
    /// What every call of a service goes through; each service has a policy of its own. Its breaker is off, because each
    /// instance has one; on, it would look at the service as a whole. `ServiceClient.update` replaces it while in use.
    public var policy = ResiliencePolicy.Configuration(
        deadline: .seconds(10), bulkhead: Bulkhead.Configuration(),
        retry: RetryPolicy(baseDelay: .milliseconds(50), maxDelay: .seconds(1), jitter: .full),
        retryBudget: RetryBudget.Configuration())

    /// A longer answer is an error.
    public var maxResponseBytes = 4 * 1024 * 1024
    /// Of each instance.
    public var breaker = CircuitBreaker.Configuration()
    /// When an instance that does worse than the others is left out, and how it comes back. For each service.
    public var outliers = OutlierConfiguration()
    /// A deadline that passes counts against the instance only when it had at least this long to answer: of a caller that
    /// comes with hardly any time left, the instance is not to blame.
    public var blameAfter = Duration.milliseconds(500)

    public init() {}
}
