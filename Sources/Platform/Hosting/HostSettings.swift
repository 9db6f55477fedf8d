public import ApusResilience
public import Logging

/// The bounds of one service. Everything has a default that suits a small service on one machine.
public struct HostSettings: Sendable {
    /// Where to listen.
    public var host = "127.0.0.1"
    /// 0 takes any free port.
    public var port = 0
    /// What others are told to connect to; nil for `host`.
    public var advertisedHost: String?
    /// The data centre or rack that is written into the registration.
    public var zone: String?

    /// A longer body is refused with 413, without being read to its end.
    public var maxBodyBytes = 1024 * 1024
    /// A longer header section is refused with 431.
    public var maxHeaderBytes = 16 * 1024
    /// A longer request target is refused with 414.
    public var maxTargetBytes = 8 * 1024
    /// Requests worked on at a time, 1 to 100,000; further ones get 503 with Retry-After. Beneath this the limit finds out
    /// by itself how many are answered without queueing for long, and the least important requests go first.
    public var maxConcurrentRequests = 256
    /// The limit never falls below, 1 to `maxConcurrentRequests`; at that bound it stands still.
    public var minConcurrentRequests = 64
    /// Further requests get 429 with Retry-After; nil for no such limit.
    public var rateLimit: RateLimiter.Configuration?
    /// Connections open at a time; further ones wait in the backlog of the system.
    public var maxConnections = 4096

    /// The deadline of a request that brings none, and the longest that one may ask for.
    public var requestTimeout = Duration.seconds(10)
    /// How long a client may take to send its request: after that 408. Also how long it may refuse to take the answer.
    /// Shorter than `requestTimeout`, or a client that does not finish its request is told 504.
    public var readTimeout = Duration.seconds(9)
    /// How long a connection may be kept open without a request.
    public var idleTimeout = Duration.seconds(60)
    /// How long to go on serving after the deregistration, until every caller has heard of it.
    public var deregistrationDelay = Duration.milliseconds(100)
    /// How long running requests may take to end at a graceful stop; then they are cancelled.
    public var drainTimeout = Duration.seconds(10)
    /// How long the registration outlives the process; at least 1.
    public var leaseTTLSeconds: Int64 = 10
    /// Of the log lines that a process with `runService` writes.
    public var logLevel = Logger.Level.info

    /// What was wrong in the configuration that these settings were read from; logged at the start.
    public internal(set) var complaints: [String] = []

    public init() {}
}
