import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import ApusResilience
import Foundation
import NIOCore
import NIOSSL
import SwiftProtobuf
import TestSupport
import Testing

/// Certificates that are wrong, end to end: who shows one is told so and gets nothing, and others are served.
@Suite("Bad input: certificates", .serialized, .timeLimit(.minutes(3))) struct BadInputCertificatesTests {
    private static let folder = Result { try TemporaryDirectory() }

    /// A PEM file.
    private static func file(_ name: String, _ pem: String) throws -> String {
        let path = try folder.get().file(name)
        try Data((pem + "\n").utf8).write(to: URL(filePath: path))
        return path
    }

    private typealias Own = (certificate: String, key: String)

    private static let nodeAuthority = TestCertificates.nodeAuthority
    private static let node: Own = (TestCertificates.node, TestCertificates.nodeKey)
    private static let elsewhere: Own = (TestCertificates.elsewhere, TestCertificates.elsewhereKey)
    private static let expired: Own = (TestCertificates.expired, TestCertificates.expiredKey)
    private static let stranger: Own = (TestCertificates.stranger, TestCertificates.strangerKey)

    private static func flags(_ prefix: String, _ own: Own, authority: String?, name: String) throws -> [String] {
        var flags = [
            "--\(prefix)cert-file", try file("\(name).pem", own.certificate), "--\(prefix)key-file",
            try file("\(name)-key.pem", own.key),
        ]
        if let authority {
            flags += [
                "--\(prefix)trusted-ca-file", try file("\(name)-ca.pem", authority), "--\(prefix)client-cert-auth",
            ]
        }
        return flags
    }

    private static func client(
        _ server: EtcdServer, own: Own?, trusts root: String = nodeAuthority, authority: String? = "localhost"
    ) throws -> GRPCClient {
        let tls = try TestCertificates.forClient(own: own, trusts: root)
        return try AttackedServer.client(port: server.members[0].clientPort) {
            $0.tls = tls
            $0.authority = authority
        }
    }

    private static func put(_ client: GRPCClient) async throws {
        let _: EtcdPutResponse = try await client.unary(
            "\(EtcdService.kv)/Put", EtcdPutRequest.with { $0.key = Data("k".utf8) },
            options: GRPCCallOptions(timeout: .seconds(20)))
    }

    private static func refusal(_ client: GRPCClient) async -> GRPCError? {
        defer { Task { await client.stop() } }
        do {
            try await put(client)
            return nil
        } catch {
            return error as? GRPCError
        }
    }

    @Test("Clients' certificates")
    func clients() async throws {
        let flags = try Self.flags("", Self.node, authority: Self.nodeAuthority, name: "clients")
        let server = try await EtcdServer(.apus(), clientScheme: "https", flags: flags)
        let misplaced = try await EtcdServer(
            .apus(), clientScheme: "https",
            flags: try Self.flags("", Self.elsewhere, authority: Self.nodeAuthority, name: "misplaced"))
        let good = try Self.client(server, own: Self.node)
        try await Self.put(good)
        let wrong: [(String, GRPCClient)] = [
            ("none", try Self.client(server, own: nil)),
            ("another authority's", try Self.client(server, own: Self.stranger)),
            ("expired", try Self.client(server, own: Self.expired)),
            ("the client trusts another", try Self.client(server, own: Self.node, trusts: TestCertificates.authority)),
            ("the server is another host", try Self.client(misplaced, own: Self.node)),
            ("plain text", try AttackedServer.client(port: server.members[0].clientPort)),
        ]
        for (name, client) in wrong {
            let refusal = await Self.refusal(client)
            #expect(refusal?.code == .unavailable, "\(name): \(String(describing: refusal))")
            if let refusal { print("\(name): \(refusal.message)") }
            try await Self.put(good)
        }
        // Plain HTTP is answered by nobody, as is TLS without HTTP behind it.
        let plain = try await RawConnection.connect(port: server.members[0].clientPort)
        try await plain.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        try await plain.waitUntilClosed()
        await plain.close()
        try await Self.put(good)
        await good.stop()
    }

    @Test("TLS at a plain port ends at once")
    func tlsAtAPlainPort() async throws {
        try await AttackedServer.with("TLS at a plain port", growthMebibytes: 64) { attacked in
            let tls = try TestCertificates.forClient()
            let client = try attacked.client {
                $0.tls = tls
                $0.authority = "localhost"
            }
            #expect(await Self.refusal(client)?.code == .unavailable)
        }
    }

    @Test("The common name is the user, and nobody else")
    func commonName() async throws {
        let flags = try Self.flags("", Self.node, authority: Self.nodeAuthority, name: "users")
        let server = try await EtcdServer(.apus(), clientScheme: "https", flags: flags + ["--bcrypt-cost", "4"])
        let node = try Self.client(server, own: Self.node)
        try await Self.put(node)
        let auth = EtcdService.auth
        for user in ["root", "node"] {
            let _: EtcdAuthUserAddResponse = try await node.unary(
                "\(auth)/UserAdd",
                EtcdAuthUserAddRequest.with {
                    $0.name = user
                    $0.password = "x"
                })
        }
        let _: EtcdAuthUserGrantRoleResponse = try await node.unary(
            "\(auth)/UserGrantRole",
            EtcdAuthUserGrantRoleRequest.with {
                $0.user = "root"
                $0.role = "root"
            })
        let _: EtcdAuthRoleAddResponse = try await node.unary(
            "\(auth)/RoleAdd", EtcdAuthRoleAddRequest.with { $0.name = "reader" })
        let _: EtcdAuthRoleGrantPermissionResponse = try await node.unary(
            "\(auth)/RoleGrantPermission",
            EtcdAuthRoleGrantPermissionRequest.with {
                $0.name = "reader"
                $0.perm.permType = .read
                $0.perm.key = Data("k".utf8)
            })
        let _: EtcdAuthUserGrantRoleResponse = try await node.unary(
            "\(auth)/UserGrantRole",
            EtcdAuthUserGrantRoleRequest.with {
                $0.user = "node"
                $0.role = "reader"
            })
        let _: EtcdAuthEnableResponse = try await node.unary("\(auth)/AuthEnable", EtcdAuthEnableRequest())
        let read: EtcdRangeResponse = try await node.unary(
            "\(EtcdService.kv)/Range", EtcdRangeRequest.with { $0.key = Data("k".utf8) })
        #expect(read.count == 1)
        #expect(await Self.refusal(node)?.message == "etcdserver: permission denied")
        // A certificate that is good, of somebody who is no user.
        let other = await Self.refusal(try Self.client(server, own: Self.elsewhere))
        #expect(other?.message == "etcdserver: permission denied", "\(String(describing: other))")
        #expect(other?.code == .permissionDenied)
    }

    @Test("Only the allowed name of clients")
    func allowedClient() async throws {
        let flags = try Self.flags("", Self.node, authority: Self.nodeAuthority, name: "allowed")
        let server = try await EtcdServer(
            .apus(), clientScheme: "https", flags: flags + ["--client-cert-allowed-hostname", "elsewhere"])
        let allowed = try Self.client(server, own: Self.elsewhere)
        try await Self.put(allowed)
        #expect(await Self.refusal(try Self.client(server, own: Self.node))?.code == .unavailable)
        await allowed.stop()
    }

    // MARK: Peers

    @Test("Peers' certificates", arguments: ["none", "plain text", "another authority's", "expired", "another name"])
    func peers(_ wrong: String) async throws {
        let good = try Self.flags("peer-", Self.node, authority: Self.nodeAuthority, name: "peers")
        let restriction = wrong == "another name" ? ["--peer-cert-allowed-cn", "node"] : []
        let server = try await EtcdServer(.apus(), count: 1, peerScheme: "https", flags: good + restriction)
        let port = try #require(Int(server.members[0].peerURL.split(separator: ":").last ?? ""))
        let own: Own? =
            switch wrong {
            case "another authority's": Self.stranger
            case "expired": Self.expired
            case "another name": Self.elsewhere
            default: nil
            }
        let client = try AttackedServer.client(port: port) {
            guard wrong != "plain text" else { return }
            $0.tls = try? TestCertificates.forClient(own: own, trusts: Self.nodeAuthority)
            $0.authority = "localhost"
        }
        #expect(await Self.refusal(client)?.code == .unavailable)
        let honest = try AttackedServer.client(port: server.members[0].clientPort)
        try await Self.put(honest)
        await honest.stop()
        let reason =
            switch wrong {
            case "none": "the peer shows no certificate"
            case "plain text": "the peer does not speak TLS"
            case "another name": "its certificate has none of the allowed names"
            default: "the peer's certificate is of an unknown authority, or not valid now"
            }
        try await eventually { server.members[0].log.contains(reason) }
    }

    @Test("A cluster forms of those with the allowed name")
    func allowedPeers() async throws {
        let good = try Self.flags("peer-", Self.node, authority: Self.nodeAuthority, name: "allowed-peers")
        let server = try await EtcdServer(
            .apus(), count: 3, peerScheme: "https", flags: good + ["--peer-cert-allowed-cn", "node"])
        let client = try AttackedServer.client(port: server.members[1].clientPort)
        try await Self.put(client)
        await client.stop()
    }

    // MARK: Renewal

    @Test("A renewed certificate is shown to the next client, without a restart")
    func renewed() async throws {
        let flags = try Self.flags("", Self.expired, authority: nil, name: "renewed")
        let server = try await EtcdServer(.apus(), clientScheme: "https", flags: flags)
        #expect(await Self.refusal(try Self.client(server, own: nil))?.code == .unavailable)
        // The key comes after its certificate: until both fit, the old pair goes on.
        _ = try Self.file("renewed.pem", Self.node.certificate)
        let early = await Self.refusal(try Self.client(server, own: nil))
        #expect(early?.code == .unavailable)
        _ = try Self.file("renewed-key.pem", Self.node.key)
        let client = try Self.client(server, own: nil)
        try await Self.put(client)
        _ = try Self.file("renewed-key.pem", "no key at all")
        try await Self.put(try Self.client(server, own: nil))
        await client.stop()
        #expect(server.members[0].log.contains("a renewed certificate cannot be used, the last one goes on"))
        #expect(server.members[0].log.contains("a renewed certificate is shown from now on"))
    }

    @Test("A cluster whose certificates had run out meets when they are renewed")
    func renewedPeers() async throws {
        let flags = try Self.flags("peer-", Self.expired, authority: Self.nodeAuthority, name: "renewed-peers")
        let renewal = Task {
            try await TimeSource.continuous.sleep(for: .seconds(2))
            _ = try Self.file("renewed-peers.pem", Self.node.certificate)
            _ = try Self.file("renewed-peers-key.pem", Self.node.key)
        }
        // Nobody trusts anybody, so that there is no leader and no member is ready until then.
        let server = try await EtcdServer(.apus(), count: 3, peerScheme: "https", flags: flags)
        try await renewal.value
        #expect(server.members.contains { $0.log.contains("not valid now") || $0.log.contains("does not accept") })
        let client = try AttackedServer.client(port: server.members[2].clientPort)
        try await Self.put(client)
        await client.stop()
    }
}
