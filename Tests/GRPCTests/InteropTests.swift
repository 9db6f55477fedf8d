import ApusGRPC
import TestSupport
import Testing

/// gRPC's own cases against grpc-go and grpcio, in both directions, and against ourselves; in cleartext, over TLS and over mutual
/// TLS.
@Suite struct InteropTests {
    private func server(_ security: Peer.Security) throws -> GRPCServerSettings {
        var settings = GRPCServerSettings()
        settings.compression = .gzip
        if security != .plain { settings.tls = try TestCertificates.forServer(asksClients: security == .mutual) }
        return settings
    }

    private func client(_ security: Peer.Security) throws -> GRPCClientSettings {
        var settings = GRPCClientSettings()
        guard security != .plain else { return settings }
        let own = (TestCertificates.client, TestCertificates.clientKey)
        settings.tls = try TestCertificates.forClient(own: security == .mutual ? own : nil)
        settings.authority = "localhost"
        return settings
    }

    @Test(.timeLimit(.minutes(2)), arguments: Peer.Kind.allCases, Peer.Security.allCases)
    func `our client passes against their server`(kind: Peer.Kind, security: Peer.Security) async throws {
        try await Peer.withServer(kind, security) { port in
            try await GRPCClient.with("127.0.0.1:\(port)", settings: client(security)) { client in
                for name in InteropCases.names { try await InteropCases.run(name, client) }
            }
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: Peer.Kind.allCases, Peer.Security.allCases)
    func `their client passes against our server`(kind: Peer.Kind, security: Peer.Security) async throws {
        try await withServer(settings: server(security)) { port, _ in
            try await Peer.runClient(kind, security, port: port, names: InteropCases.names)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Peer.Security.allCases)
    func `our client passes against our server`(security: Peer.Security) async throws {
        try await withClient(settings: server(security), client: client(security)) { client in
            for name in InteropCases.names { try await InteropCases.run(name, client) }
        }
    }

    /// The messages of these cases are zeros: some 300 KB or 75 KB that gzip makes a few hundred bytes of. What goes the other way, and
    /// what belongs to HTTP/2, is a few kilobytes.
    @Test(.timeLimit(.minutes(2)), arguments: Peer.Kind.allCases)
    func `what is to be compressed is small on the wire, both ways`(kind: Peer.Kind) async throws {
        @Sendable func expectSmall(_ proxy: CountingProxy, _ name: String, _ isRequest: Bool) {
            let counts = proxy.takeCounts()
            let bytes = isRequest ? counts.toServer : counts.toClient
            #expect((100...20_000).contains(bytes), "\(name): \(counts)")
        }
        try await Peer.withServer(kind) { port in
            let proxy = try await CountingProxy.start(to: port)
            try await GRPCClient.with("127.0.0.1:\(proxy.port)") { client in
                try await InteropCases.run("large_unary", client)
                #expect(proxy.takeCounts().toServer > 271_828)
                for (name, isRequest) in InteropCases.compressed {
                    try await InteropCases.run(name, client)
                    expectSmall(proxy, name, isRequest)
                }
            }
            await proxy.stop()
        }
        try await withServer(settings: server(.plain)) { port, _ in
            let proxy = try await CountingProxy.start(to: port)
            try await Peer.runClient(kind, port: proxy.port, names: ["large_unary"])
            #expect(proxy.takeCounts().toServer > 271_828)
            for (name, isRequest) in InteropCases.compressed {
                try await Peer.runClient(kind, port: proxy.port, names: [name])
                expectSmall(proxy, name, isRequest)
            }
            await proxy.stop()
        }
    }
}
