import ApusGRPC
import NIOCore
import NIOSSL
import TestSupport
import Testing

@Suite struct TLSTests {
    private func call(_ client: TLSConfiguration?, server: TLSConfiguration, authority: String? = nil) async throws
        -> String
    {
        var settings = GRPCServerSettings()
        settings.tls = server
        var own = GRPCClientSettings()
        own.tls = client
        own.authority = authority
        let whoami = GRPCService("who.AmI") { service in
            service.onLoop(raw: "Ask") { _, call in
                let name = try call.head.peer.certificate.map {
                    try $0 == TestCertificates.certificate(TestCertificates.client) ? "client" : "other"
                }
                return ByteBuffer(string: name ?? "")
            }
        }
        return try await withClient([whoami], settings: settings, client: own) { client in
            let answer = try await client.unary(
                raw: "who.AmI/Ask", ByteBuffer(), options: GRPCCallOptions(timeout: .seconds(20)))
            return String(buffer: answer)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `TLS with a known authority`() async throws {
        let answer = try await call(
            TestCertificates.forClient(), server: TestCertificates.forServer(asksClients: false), authority: "localhost"
        )
        #expect(answer == "")
    }

    @Test(.timeLimit(.minutes(1))) func `mutual TLS tells the handler who calls`() async throws {
        let own = (TestCertificates.client, TestCertificates.clientKey)
        let answer = try await call(
            TestCertificates.forClient(own: own), server: TestCertificates.forServer(asksClients: true),
            authority: "localhost")
        #expect(answer == "client")
    }

    @Test(.timeLimit(.minutes(1))) func `no certificate, another authority's, and a server of another are refused`()
        async throws
    {
        let server = try TestCertificates.forServer(asksClients: true)
        let stranger = (TestCertificates.stranger, TestCertificates.strangerKey)
        let own = (TestCertificates.client, TestCertificates.clientKey)
        for client in [
            try TestCertificates.forClient(), try TestCertificates.forClient(own: stranger),
            try TestCertificates.forClient(own: own, trusts: TestCertificates.stranger),
        ] {
            let error = await #expect(throws: GRPCError.self) {
                _ = try await call(client, server: server, authority: "localhost")
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `another name and cleartext are refused`() async throws {
        let server = try TestCertificates.forServer(asksClients: false)
        for (client, name) in [(try TestCertificates.forClient(), "elsewhere"), (nil, "localhost")]
            as [(TLSConfiguration?, String)]
        {
            let error = await #expect(throws: GRPCError.self) {
                _ = try await call(client, server: server, authority: name)
            }
            #expect(error?.code == .unavailable)
        }
    }
}
