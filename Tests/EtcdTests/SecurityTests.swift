import ApusCoordination
import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import Foundation
import SwiftProtobuf
import TestSupport
import Testing

@testable import ApusEtcd

@Suite struct SecurityTests {
    @Test(.timeLimit(.minutes(1)))
    func endpointsThatAreNone() async throws {
        for text in ["", "nothing", "http://", "ftp://a:1", "http://a:port", "http://a:0", "http://a:99999"] {
            #expect(throws: CoordinationError.self) { _ = try EtcdStore([text]) }
        }
        #expect(EtcdEndpoint("https://[::1]:2379/v3")?.description == "https://[::1]:2379")
        #expect(EtcdEndpoint("a:1", usesTLS: true)?.description == "https://a:1")
        #expect(EtcdEndpoint("unix:///run/etcd.sock")?.address == .unixSocket(path: "/run/etcd.sock"))
    }

    @Test(.timeLimit(.minutes(1)))
    func nobodyIsThere() async throws {
        let ports = try await freePorts(2)
        var settings = EtcdClientSettings()
        settings.patience = .zero
        settings.startsAnywhere = false
        try await EtcdStore.with(ports.map { "http://127.0.0.1:\($0)" }, settings: settings) { store in
            let error = try await #require(throws: CoordinationError.self) { try await store.put("a", "1") }
            #expect(error.code == .unavailable && !error.mayHaveHappened)
            for port in ports { #expect(error.message.contains("http://127.0.0.1:\(port): ")) }
            #expect(error.message.contains("refused"), "\(error.message)")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func mutualTLS() async throws {
        let folder = try TemporaryDirectory()
        let files = [
            ("ca.pem", TestCertificates.authority), ("cert.pem", TestCertificates.server),
            ("key.pem", TestCertificates.serverKey),
        ]
        for (name, text) in files { try Data(text.utf8).write(to: folder.url.appending(path: name)) }
        let server = try await EtcdServer(
            .etcd(), clientScheme: "https",
            flags: [
                "--cert-file", folder.file("cert.pem"), "--key-file", folder.file("key.pem"), "--client-cert-auth",
                "--trusted-ca-file", folder.file("ca.pem"),
            ])
        var settings = EtcdClientSettings()
        settings.patience = .zero
        settings.serverName = "localhost"
        settings.tls = try TestCertificates.forClient(own: (TestCertificates.client, TestCertificates.clientKey))
        try await EtcdStore.with(server.endpoints, settings: settings) { store in
            try await store.put("a", "1")
            #expect(try await store.get("a")?.value == "1")
        }
        // In clear text.
        await Self.expectUnavailable(server.endpoints.map { $0.replacing("https", with: "http") }, settings)
        // Without a certificate of one's own, or with one that the server does not know.
        settings.tls = try TestCertificates.forClient()
        await Self.expectUnavailable(server.endpoints, settings)
        settings.tls = try TestCertificates.forClient(own: (TestCertificates.stranger, TestCertificates.strangerKey))
        await Self.expectUnavailable(server.endpoints, settings)
        // A server that nobody we know vouches for, or that is not the one that was meant.
        settings.tls = try TestCertificates.forClient(
            own: (TestCertificates.client, TestCertificates.clientKey), trusts: TestCertificates.stranger)
        await Self.expectUnavailable(server.endpoints, settings)
        settings.tls = try TestCertificates.forClient(own: (TestCertificates.client, TestCertificates.clientKey))
        settings.serverName = "elsewhere"
        await Self.expectUnavailable(server.endpoints, settings)
    }

    private static func expectUnavailable(_ endpoints: [String], _ settings: EtcdClientSettings) async {
        let error = await #expect(throws: CoordinationError.self) {
            try await EtcdStore.with(endpoints, settings: settings) { try await $0.put("a", "1") }
        }
        #expect(error?.code == .unavailable && error?.mayHaveHappened == false, "\(String(describing: error))")
    }

    @Test(.timeLimit(.minutes(2)))
    func users() async throws {
        // Tokens that are forgotten after a moment, as old ones are.
        let server = try await EtcdServer(.etcd(), flags: ["--auth-token-ttl", "1"])
        try await Self.enableAuth(server)
        var settings = EtcdClientSettings()
        settings.user = .init(name: "writer", password: "secret")
        try await EtcdStore.with(server.endpoints, settings: settings) { store in
            try await store.put("app/a", "1")
            var events = try await store.watch(.prefix("app/")).makeAsyncIterator()
            try await letRealTimePass(.seconds(3))
            // The token is gone: a new one is got without a word, for calls and for watches.
            try await store.put("app/a", "2")
            #expect(try await events.next()?.events.first?.kv.value == "2")
            try await letRealTimePass(.seconds(3))
            var more = try await store.watch(.prefix("app/")).makeAsyncIterator()
            try await store.put("app/a", "3")
            #expect(try await more.next()?.events.first?.kv.value == "3")
            #expect(try await events.next()?.events.first?.kv.value == "3")

            var error = await #expect(throws: CoordinationError.self) { try await store.put("other", "1") }
            #expect(error?.code == .permissionDenied && error?.mayHaveHappened == false)
            error = await #expect(throws: CoordinationError.self) { _ = try await store.watch(.key("other")) }
            #expect(error?.code == .permissionDenied)
        }
        settings.user?.password = "wrong"
        try await EtcdStore.with(server.endpoints, settings: settings) { store in
            let error = await #expect(throws: CoordinationError.self) { _ = try await store.get("app/a") }
            #expect(error?.code == .unauthenticated)
        }
        settings.user = nil
        try await EtcdStore.with(server.endpoints, settings: settings) { store in
            let error = await #expect(throws: CoordinationError.self) { _ = try await store.get("app/a") }
            #expect(error?.code == .unauthenticated)
        }
    }

    /// `root`, and `writer`, who may do everything below `app/`.
    private static func enableAuth(_ server: EtcdServer) async throws {
        try await EtcdClient.with(server.endpoints) { client in
            for (name, password) in [("root", "root"), ("writer", "secret")] {
                _ = try await client.userAdd(
                    .with {
                        $0.name = name
                        $0.password = password
                    })
                _ = try await client.roleAdd(.with { $0.name = name })
                _ = try await client.userGrantRole(
                    .with {
                        $0.user = name
                        $0.role = name
                    })
            }
            _ = try await client.roleGrantPermission(
                .with {
                    $0.name = "writer"
                    $0.perm = .with {
                        $0.permType = .readwrite
                        $0.key = Data("app/".utf8)
                        $0.rangeEnd = Data("app0".utf8)
                    }
                })
            _ = try await client.authEnable()
        }
    }
}
