public import ApusObservability
public import ApusResilience
public import NIOCore
public import NIOSSL

/// What a call said before its messages.
public struct GRPCRequestHead: Sendable {
    /// "package.Service/Method", without the first slash.
    public let path: String
    /// Whether the server has this method.
    public let isKnown: Bool
    let headers: HTTP2Headers
    /// When the caller stops waiting; nil when it did not say.
    public var deadline: Deadline?
    /// Where the call belongs in a trace, when a middleware has found that out.
    public var trace: TraceContext?
    public let peer: GRPCPeer

    /// What the caller sent along. Made when asked for.
    public var metadata: GRPCMetadata { headers.metadata }

    /// The first text in the metadata under this name, which is in lower case; nil for none. Makes nothing of the rest.
    public func text(_ name: StaticString) -> String? { headers.metadataText(name) }

    /// What the caller calls this server.
    public var authority: String? { headers.string(.authority) }
    public var userAgent: String? { headers.string(.userAgent) }
    /// How often the caller tried before.
    public var previousAttempts: Int { headers.integer(.grpcPreviousAttempts) ?? 0 }
}

/// Who is at the other end of a connection.
public final class GRPCPeer: Sendable {
    public let address: SocketAddress?
    /// The certificate that the peer proved to own; nil without mutual TLS.
    public let certificate: NIOSSLCertificate?

    public init(address: SocketAddress?, certificate: NIOSSLCertificate?) {
        self.address = address
        self.certificate = certificate
    }
}
