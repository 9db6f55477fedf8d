public import ApusResilience
public import NIOCore

/// Where a gateway listens and what it allows. Every bound of the gateway is here.
public struct GatewaySettings: Sendable {
    public var host: String = "127.0.0.1"
    /// 0 takes any free port; `Gateway.boundAddress` tells which.
    public var port: Int = 8080

    /// Threads that serve when `eventLoopGroup` is nil. Two are enough for most machines.
    public var threads: Int = 1
    /// The event loops to run on; nil makes `threads` of its own, which end with the gateway.
    public var eventLoopGroup: (any EventLoopGroup)?

    /// Connections above this many are answered with 503. It is lowered to what the limit on open files allows.
    public var maxConnections: Int = 4096
    /// A longer request line and header section is answered with 431.
    public var maxHeaderBytes: Int = 16 << 10
    /// More header fields are answered with 431.
    public var maxHeaderFields: Int = 128
    /// A longer request target is answered with 414.
    public var maxTargetBytes: Int = 8 << 10
    /// A longer request body is answered with 413.
    public var maxBodyBytes: Int = 1 << 20
    /// What a client may send ahead while its request is being answered; reading pauses above it.
    public var maxPipelinedBytes: Int = 16 << 10
    /// A longer head of a service's response is answered with 502.
    public var maxResponseHeaderBytes: Int = 64 << 10
    /// A request body up to this size is kept until the response begins, so that the request can be repeated.
    public var maxReplayBytes: Int = 64 << 10
    /// Bytes that wait to be written to one peer before reading from the other one stops.
    public var highWaterBytes: Int = 64 << 10
    /// Reading starts again when so few bytes are left.
    public var lowWaterBytes: Int = 32 << 10

    /// From the first byte of a request to the end of its header section, then 408.
    public var headerTimeout: Duration = .seconds(10)
    /// From the end of the header section to the end of the body, then 408. Shorter than the timeouts of the routes, or a
    /// client that does not finish its body is told 504.
    public var bodyTimeout: Duration = .seconds(8)
    /// How long a kept connection may wait for the next request.
    public var idleTimeout: Duration = .seconds(60)
    /// How long a response that has begun may make no progress: no byte from the instance, or none taken by the client,
    /// which is noticed after at most twice this time.
    public var stallTimeout: Duration = .seconds(60)
    /// How long what a refused client still sends is thrown away before its connection is closed, so that it can read
    /// the refusal.
    public var lingerTimeout: Duration = .seconds(1)
    /// How long exchanges in flight may take to end after a graceful shutdown began.
    public var drainTimeout: Duration = .seconds(10)

    /// How long connecting to an instance may take.
    public var connectTimeout: Duration = .seconds(1)
    /// Idle connections kept for each instance by each thread.
    public var maxIdlePerInstance: Int = 64
    /// How long an idle connection to an instance is kept.
    public var upstreamIdleTimeout: Duration = .seconds(30)
    /// A request that must not be repeated takes a kept connection only when it has been idle for less than this, since
    /// the instance might be closing an older one at the same moment.
    public var unsafeReuseLimit: Duration = .seconds(1)
    /// When failing instances are left out, and how they come back. For each service, by each thread.
    public var ejection = OutlierConfiguration()
    /// How many requests may be sent to a second instance. For each service, by each thread.
    public var retryBudget = RetryBudget.Configuration()

    /// Paths that are never routed, whatever the routes say; the services keep what is not public below them.
    public var hiddenPrefixes: [String] = ["/internal"]
    /// Whether `X-Forwarded-*` of a client is believed: `-For` is added to, `-Proto` and `-Host` are kept. Only behind
    /// another proxy; else they are replaced.
    public var trustForwarded: Bool = false
    /// The name of this proxy in `Via`.
    public var via: String = "apus"

    public init() {}

    public init(host: String = "127.0.0.1", port: Int) {
        self.host = host
        self.port = port
    }
}
