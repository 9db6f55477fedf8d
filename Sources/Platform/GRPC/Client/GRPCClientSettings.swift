public import NIOCore
import NIOPosix
public import NIOSSL

/// How a client connects, and the bounds that it keeps.
public struct GRPCClientSettings: Sendable {
    public var balancing = GRPCBalancing.pickFirst
    /// TLS with ALPN `h2`; nil for cleartext, with prior knowledge.
    public var tls: TLSConfiguration?
    /// What the server's certificate must be for, and what the server is called; nil for the host of its endpoint.
    public var authority: String?
    /// The loops to connect on; nil for those that the whole process shares.
    public var eventLoopGroup: (any EventLoopGroup)?

    /// Of one message, in bytes, compressed or not: a larger one ends its call with RESOURCE_EXHAUSTED.
    public var maxReceiveBytes = 4 * 1024 * 1024
    public var maxSendBytes = Int(Int32.max)
    /// Calls of one connection that wait for one of the streams that its server allows; beyond it they fail.
    public var maxWaitingCalls = 10_000
    /// Applies where the options of a call say nothing else.
    public var retry = GRPCRetryPolicy.none
    /// Bytes of the messages of a stream that are kept to be sent again; a call that has sent more is not made again (A6).
    public var retryBufferBytes = 256 * 1024
    public var backoff = ConnectionBackoff()
    /// A connection without calls is closed after this long, and opened again by the next call; nil: never.
    public var maxIdle: Duration? = .seconds(1800)
    /// A server that is silent for so long is pinged; nil: never. Servers refuse pings more often than they allow, most of them
    /// five minutes; the interval is doubled then (gRPC's A8).
    public var keepaliveInterval: Duration?
    /// … and its connection is closed when it does not answer within this.
    public var keepaliveTimeout: Duration = .seconds(20)
    public var keepaliveWithoutCalls = false
    /// How long calls may go on after `run` was told to stop.
    public var drainTimeout: Duration = .seconds(30)
    public var http2 = HTTP2Configuration()
    /// Nil for the system's.
    var nameResolver: (any Resolver & Sendable)?

    public init() {}
}

/// What one call asks for.
public struct GRPCCallOptions: Sendable {
    /// From now; the earlier of this and `Deadline.current` counts, and travels to the server.
    public var timeout: Duration?
    public var metadata: GRPCMetadata
    /// Wait for a server that cannot be reached, as long as the deadline allows, instead of failing at once.
    public var waitForReady: Bool
    public var compression: MessageEncoding
    /// Nil for the client's.
    public var retry: GRPCRetryPolicy?

    public init(
        timeout: Duration? = nil, metadata: GRPCMetadata = [:], waitForReady: Bool = false,
        compression: MessageEncoding = .identity, retry: GRPCRetryPolicy? = nil
    ) {
        self.timeout = timeout
        self.metadata = metadata
        self.waitForReady = waitForReady
        self.compression = compression
        self.retry = retry
    }
}

/// An answer with what came beside it.
public struct GRPCResponse<Message: Sendable>: Sendable {
    public var message: Message
    let headers: HTTP2Headers
    let trailers: HTTP2Headers

    /// Sent before the answer.
    public var initialMetadata: GRPCMetadata { headers.metadata }
    /// Sent after the answer.
    public var trailingMetadata: GRPCMetadata { trailers.metadata }
}
