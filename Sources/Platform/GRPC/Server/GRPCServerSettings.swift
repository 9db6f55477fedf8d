public import NIOCore
public import NIOSSL

/// Where a server listens, and the bounds that it keeps.
public struct GRPCServerSettings: Sendable {
    /// A name or an address; "0.0.0.0" or "::" for all.
    public var host: String
    /// 0 lets the system choose; `GRPCServer.boundAddress` says which.
    public var port: Int
    /// Listens on a Unix domain socket instead.
    public var unixSocketPath: String?
    /// TLS with ALPN `h2`; nil for cleartext, with prior knowledge. With a trust root and `certificateVerification` it asks
    /// clients for certificates.
    public var tls: TLSConfiguration?
    /// Whether a client's certificate counts, of those that `tls` trusts; called on the connection's event loop. A client with
    /// another one, or none, is disconnected. Nil: all of them.
    public var acceptsClient: (@Sendable (NIOSSLCertificate) -> Bool)?
    /// The loops to serve on; nil for loops of the server's own, `threads` of them.
    public var eventLoopGroup: (any EventLoopGroup)?
    public var threads = System.coreCount
    /// Where `async` handlers run.
    public var handlers = Handlers.shared

    /// Of one message, in bytes, compressed or not: larger ones are answered with RESOURCE_EXHAUSTED.
    public var maxReceiveBytes = 4 * 1024 * 1024
    /// Of one message that is sent.
    public var maxSendBytes = Int(Int32.max)
    /// What one connection may make the server hold, in bytes: messages of unary calls that have not come whole or wait for the
    /// end of their request, and, counted apart, answers that the client does not take. Calls beyond it are answered with
    /// RESOURCE_EXHAUSTED.
    public var maxHeldBytes = 128 * 1024 * 1024
    /// What all connections together may make the server hold, requests and answers in one count: beyond it, what is to wait is
    /// answered with RESOURCE_EXHAUSTED. Answers below a mebibyte to a client that has taken all before are sent.
    public var memory = GRPCMemoryBudget(limitBytes: 2 << 30)
    /// Compress answers for clients that accept it.
    public var compression = MessageEncoding.identity
    /// Connections at once; one more is closed when it comes.
    public var maxConnections = 10_000
    /// A connection without calls is shut down after this long; nil: never.
    public var maxIdle: Duration?
    /// A connection is shut down gracefully at this age (spread by a tenth); nil: never.
    public var maxAge: Duration?
    /// How long its calls may go on after that.
    public var maxAgeGrace: Duration = .seconds(60)
    /// How long a client may take for TLS and its first settings.
    public var handshakeTimeout: Duration = .seconds(10)
    /// How long calls may go on after the server was told to stop.
    public var drainTimeout: Duration = .seconds(30)
    /// A client that is silent for so long is pinged.
    public var keepaliveInterval: Duration = .seconds(7200)
    /// … and closed when it does not answer within this.
    public var keepaliveTimeout: Duration = .seconds(20)
    /// A client that pings more often, while nothing is sent to it, is closed with "too_many_pings".
    public var minimumPingInterval: Duration = .seconds(300)
    /// Whether clients may ping at that interval without a call; if not, two hours apart.
    public var permitsPingsWithoutCalls = false
    /// Windows, streams, header lists, and the bounds on floods.
    public var http2 = HTTP2Configuration()

    public enum Handlers: Sendable {
        /// On the pool that all tasks share: a handler that computes for long holds up no connection.
        case shared
        /// On the event loop of the connection: two hops between threads less, for handlers that never compute for long.
        case eventLoop
    }

    public init(host: String = "127.0.0.1", port: Int = 0) {
        self.host = host
        self.port = port
    }
}
