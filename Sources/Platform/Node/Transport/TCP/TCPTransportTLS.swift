import NIOCore
public import NIOSSL

/// TLS between nodes. What a node shows and demands when a peer connects to it, and when it connects to a peer.
public struct TCPTransportTLS: Sendable {
    /// With a `certificateVerification` other than `.none`, peers that connect must show a certificate of its `trustRoots`.
    public var server: TLSConfiguration
    /// Verifies the peer's certificate, and that it is for the host of the peer's address.
    public var client: TLSConfiguration
    /// Whether a peer's certificate counts, of those that are trusted; called on the event loop. Nil: all of them.
    public var accepts: (@Sendable (NIOSSLCertificate) -> Bool)?

    public init(server: TLSConfiguration, client: TLSConfiguration) {
        self.server = server
        self.client = client
    }

    /// The same certificate, key and trust roots in both directions; peers that connect are asked for a certificate when
    /// `configuration.certificateVerification` is not `.none`.
    public init(_ configuration: TLSConfiguration) {
        server = configuration
        client = .makeClientConfiguration()
        client.certificateChain = configuration.certificateChain
        client.privateKey = configuration.privateKey
        client.trustRoots = configuration.trustRoots
        client.additionalTrustRoots = configuration.additionalTrustRoots
        client.cipherSuiteValues = configuration.cipherSuiteValues
        client.minimumTLSVersion = configuration.minimumTLSVersion
        client.maximumTLSVersion = configuration.maximumTLSVersion
        client.sslContextCallback = configuration.sslContextCallback
    }

    /// Read once: files are opened, and must be right.
    struct Contexts: Sendable {
        let server: NIOSSLContext
        let client: NIOSSLContext
        private let accepts: (@Sendable (NIOSSLCertificate) -> Bool)?

        init(_ tls: TCPTransportTLS) throws {
            var (own, other) = (tls.server, tls.client)
            accepts = tls.accepts
            // Who connects is identified by its certificate, not by where it connects from.
            if own.certificateVerification == .fullVerification {
                own.certificateVerification = .noHostnameVerification
            }
            if own.minimumTLSVersion != .tlsv13 { own.minimumTLSVersion = .tlsv12 }
            if other.minimumTLSVersion != .tlsv13 { other.minimumTLSVersion = .tlsv12 }
            server = try NIOSSLContext(configuration: own)
            client = try NIOSSLContext(configuration: other)
        }

        /// - Throws: `NodeError` `.wrongPeer` when the peer's certificate has none of the names that count.
        func check(_ context: ChannelHandlerContext) throws {
            guard let accepts else { return }
            let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
            guard let certificate = tls?.peerCertificate, accepts(certificate) else {
                throw NodeError(.wrongPeer, "its certificate has none of the allowed names")
            }
        }

        func serverHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: server) }

        /// - Parameter host: whom the peer's certificate must name.
        func clientHandler(for host: String) throws -> NIOSSLClientHandler {
            // An address is no name that SNI may carry; the certificate is compared with where the connection goes to.
            let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
            return try NIOSSLClientHandler(context: client, serverHostname: isAddress ? nil : host)
        }
    }

    /// What is wrong, for the log; nil when `error` has nothing to do with TLS.
    static func explain(_ error: any Error) -> String? {
        guard error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError else { return nil }
        let text = "\(error)"
        let reason: String
        if text.contains("CERTIFICATE_VERIFY_FAILED") {
            reason = "the peer's certificate is of an unknown authority, or not valid now"
        } else if text.contains("failedToValidateHostname") {
            reason = "the peer's certificate is for another name"
        } else if text.contains("ALERT") {
            reason = "the peer does not accept this node's certificate"
        } else if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
            reason = "the peer does not speak TLS"
        } else if text.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE") {
            reason = "the peer shows no certificate"
        } else {
            reason = "the TLS connection failed"
        }
        return "\(reason) (\(text))"
    }
}
