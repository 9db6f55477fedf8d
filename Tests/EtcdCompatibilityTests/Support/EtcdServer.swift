import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
import Foundation
import SwiftProtobuf
import TestSupport

/// One process that serves the etcd v3 API on a free port, with its data in a folder of its own.
final class EtcdServer: Sendable {
    struct Member: Sendable {
        let name: String
        let clientPort, peerPort: Int

        var clientURL: String { "http://127.0.0.1:\(clientPort)" }
        var peerURL: String { "http://127.0.0.1:\(peerPort)" }
    }

    let engine: EtcdEngine
    let member: Member
    private let cluster: [Member]
    private let folder: TemporaryDirectory
    private let process = Locked<Process?>(nil)

    private init(_ engine: EtcdEngine, _ member: Member, cluster: [Member]) throws {
        self.engine = engine
        self.member = member
        self.cluster = cluster
        folder = try TemporaryDirectory()
    }

    /// Starts `count` nodes of one cluster, runs `body` when all of them answer, and ends them after it.
    static func with<Value>(
        _ engine: EtcdEngine, nodes count: Int = 1, _ body: ([EtcdServer]) async throws -> Value
    ) async throws -> Value {
        let ports = try await freePorts(count * 2)
        let members = (0..<count).map {
            Member(name: "n\($0 + 1)", clientPort: ports[$0], peerPort: ports[count + $0])
        }
        let servers = try members.map { try EtcdServer(engine, $0, cluster: members) }
        defer { for server in servers { server.kill() } }
        for server in servers { try server.start() }
        for server in servers { try await server.waitUntilReady() }
        return try await body(servers)
    }

    var endpoint: GRPCEndpoint { .host("127.0.0.1", port: member.clientPort) }

    /// What the process has written, for a failure's message.
    var log: String {
        let text = (try? String(contentsOfFile: folder.file("log"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(20).joined(separator: "\n")
    }

    func start() throws {
        let (program, words) = try engine.program()
        let process = Process()
        process.executableURL = program
        process.arguments =
            words + [
                "--name", member.name, "--data-dir", folder.file("data"),
                "--listen-client-urls", member.clientURL, "--advertise-client-urls", member.clientURL,
                "--listen-peer-urls", member.peerURL, "--initial-advertise-peer-urls", member.peerURL,
                "--initial-cluster", cluster.map { "\($0.name)=\($0.peerURL)" }.joined(separator: ","),
                // Passwords are not what is measured here.
                "--bcrypt-cost", "4", "--log-level", "error",
            ]
        let log = folder.file("log")
        guard FileManager.default.createFile(atPath: log, contents: nil) else {
            throw ServerFailure(description: "\(log) cannot be made")
        }
        let handle = FileHandle(forWritingAtPath: log)
        process.standardOutput = handle
        process.standardError = handle
        try process.run()
        self.process.withLock { $0 = process }
    }

    func kill() {
        guard let process = process.withLock({ $0.take() }), process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private func waitUntilReady() async throws {
        let request = EtcdRangeRequest.with { $0.key = Data([0]) }
        try await eventually {
            guard self.process.withLock({ $0?.isRunning }) == true else {
                throw ServerFailure(description: "\(self.engine.rawValue) does not run: \(self.log)")
            }
            return try await GRPCClient.with("127.0.0.1:\(self.member.clientPort)") { client in
                let reply: EtcdRangeResponse? = try? await client.unary(
                    "\(EtcdService.kv)/Range", request, options: GRPCCallOptions(timeout: .seconds(2)))
                return reply != nil
            }
        }
    }
}
