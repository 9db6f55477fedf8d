import ApusNode
import ApusPrimitives
import ApusRaft
import Logging
import NIOSSL
import TestSupport
import Testing

/// TLS between nodes.
@Suite struct TCPTLSTests {
    private typealias Certificate = (certificate: String, key: String)
    private static let good = (TestCertificates.node, TestCertificates.nodeKey)

    /// - Parameters:
    ///   - own: what it shows; nil: nothing.
    ///   - asks: peers that connect for theirs.
    private func tls(
        _ own: Certificate?, trusts authority: String = TestCertificates.nodeAuthority, asks: Bool = true
    ) throws -> TCPTransportTLS {
        let shown = own ?? Self.good
        var server = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(try TestCertificates.certificate(shown.certificate))],
            privateKey: .privateKey(try TestCertificates.key(shown.key)))
        server.trustRoots = .certificates([try TestCertificates.certificate(authority)])
        server.certificateVerification = asks ? .noHostnameVerification : .none
        var tls = TCPTransportTLS(server)
        if own == nil { (tls.client.certificateChain, tls.client.privateKey) = ([], nil) }
        return tls
    }

    private func settings(_ tls: TCPTransportTLS?) -> TCPTransportSettings {
        var settings = TCPTransportSettings.quick
        settings.tls = tls
        return settings
    }

    @Test func `three nodes replicate over mutual TLS`() async throws {
        let ports = try await freePorts(3)
        let settings = settings(try tls(Self.good))
        let cluster = Cluster(
            transport: { id in
                // Safe: the address is well-formed.
                try! TCPTransport(
                    listeningOn: "127.0.0.1:\(ports[Int(id.rawValue - 1)])", cluster: "test", settings: settings,
                    logger: .silent)
            },
            address: { id in
                // By name and by address.
                "\(id == NodeID(1) ? "localhost" : "127.0.0.1"):\(ports[Int(id.rawValue - 1)])"
            })
        try await withCluster(cluster) { cluster in
            _ = try await cluster.leader()
            for node in cluster.nodes {
                _ = try await cluster.whileTicking { try await node.write(String(repeating: "x", count: 100_000)) }
            }
            #expect(try await cluster.converge(3).count == 3)
        }
    }

    /// What the log of node 1 says when it listens with `server`, and node 2's when it connects with `client`.
    private func refusal(
        server: TCPTransportTLS?, client: TCPTransportTLS?
    ) async throws -> (server: Lines, client: Lines, lastError: String) {
        let lines = (Lines(), Lines())
        let one = try TCPTests.Peer(1, settings: settings(server), logger: lines.0.logger)
        let two = try TCPTests.Peer(2, settings: settings(client), logger: lines.1.logger)
        let address = try await one.start()
        _ = try await two.start()
        try await two.update(address)
        try await eventually { await two.link?.lastError != nil }
        // It tries again and again, with pauses, and never gets in.
        let tried = ContinuousClock.now
        try await eventually { ContinuousClock.now - tried > .milliseconds(300) }
        let link = try #require(await two.link)
        #expect(!link.isConnected)
        #expect(one.met.withLock { $0.isEmpty })
        await one.transport.stop()
        await two.transport.stop()
        return (lines.0, lines.1, link.lastError ?? "")
    }

    @Test func `a certificate of another authority is refused by both sides`() async throws {
        let stranger = (TestCertificates.stranger, TestCertificates.strangerKey)
        let server = try await refusal(server: try tls(stranger), client: try tls(Self.good))
        #expect(server.lastError.contains("of an unknown authority, or not valid now"), "\(server.lastError)")
        #expect(server.client.count("no TLS connection with a peer") == 1)
        let client = try await refusal(server: try tls(Self.good), client: try tls(stranger))
        #expect(client.lastError.contains("does not accept this node's certificate"), "\(client.lastError)")
        #expect(client.server.count("a connection is closed") > 0)
        #expect(client.client.count("no TLS connection with a peer") == 1)
    }

    @Test func `an expired certificate is refused by both sides`() async throws {
        let expired = (TestCertificates.expired, TestCertificates.expiredKey)
        let server = try await refusal(server: try tls(expired), client: try tls(Self.good))
        #expect(server.lastError.contains("not valid now"), "\(server.lastError)")
        let client = try await refusal(server: try tls(Self.good), client: try tls(expired))
        #expect(client.lastError.contains("does not accept this node's certificate"), "\(client.lastError)")
    }

    @Test func `a certificate for another name is refused`() async throws {
        let elsewhere = (TestCertificates.elsewhere, TestCertificates.elsewhereKey)
        let server = try await refusal(server: try tls(elsewhere), client: try tls(Self.good))
        #expect(server.lastError.contains("is for another name"), "\(server.lastError)")
    }

    @Test func `no certificate, and no TLS, are refused`() async throws {
        let nobody = try await refusal(server: try tls(Self.good), client: try tls(nil))
        #expect(nobody.lastError.contains("does not accept this node's certificate"), "\(nobody.lastError)")
        let clear = try await refusal(server: try tls(Self.good), client: nil)
        #expect(clear.server.count("a connection is closed") > 0)
        let server = try await refusal(server: nil, client: try tls(Self.good))
        #expect(!server.lastError.isEmpty)
        #expect(server.server.count("a connection is closed") > 0)
    }

    @Test func `who asks for no certificates takes peers without`() async throws {
        let tls = try tls(nil, asks: false)
        let (one, two) = (
            try TCPTests.Peer(1, settings: settings(try self.tls(Self.good, asks: false))),
            try TCPTests.Peer(2, settings: settings(tls))
        )
        let address = try await one.start()
        _ = try await two.start()
        try await two.update(address)
        try await eventually { await two.link?.isConnected == true }
        await one.transport.stop()
        await two.transport.stop()
    }

    @Test func `a key that does not fit keeps a node from starting`() async throws {
        let peer = try TCPTests.Peer(
            1, settings: settings(try tls((TestCertificates.node, TestCertificates.strangerKey))))
        let error = await #expect(throws: NodeError.self) { try await peer.start() }
        #expect(error?.code == .failed)
    }
}

/// Lines of a log.
final class Lines: Sendable {
    private let lines = Locked<[String]>([])

    func count(_ text: String) -> Int { lines.withLock { $0.count { $0.contains(text) } } }

    var logger: Logger { Logger(label: "test") { _ in Handler(lines: self) } }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }
}
