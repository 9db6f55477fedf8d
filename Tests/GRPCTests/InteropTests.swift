import ApusGRPC
import Testing

/// gRPC's own cases against grpc-go and grpcio, in both directions, and against ourselves.
@Suite struct InteropTests {
    @Test(.timeLimit(.minutes(2)), arguments: Peer.Kind.allCases)
    func `our client passes against their server`(kind: Peer.Kind) async throws {
        try await Peer.withServer(kind) { port in
            try await GRPCClient.with("127.0.0.1:\(port)") { client in
                for name in InteropCases.names { try await InteropCases.run(name, client) }
            }
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: Peer.Kind.allCases)
    func `their client passes against our server`(kind: Peer.Kind) async throws {
        var settings = GRPCServerSettings()
        settings.compression = .gzip
        try await withServer(settings: settings) { port, _ in
            for name in InteropCases.names { try await Peer.runClient(kind, port: port, name: name) }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: InteropCases.names)
    func `our client passes against our server`(name: String) async throws {
        var settings = GRPCServerSettings()
        settings.compression = .gzip
        try await withClient(settings: settings) { try await InteropCases.run(name, $0) }
    }
}
