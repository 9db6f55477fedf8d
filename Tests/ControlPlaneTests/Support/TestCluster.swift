import ApusEtcdAPI
import ApusGRPC
import Foundation
import Logging
import SwiftProtobuf
import TestSupport
import Testing

@testable import ApusControlPlane

/// Members in this process, each with a folder, a port for clients and one for peers; a member can be stopped and started
/// again.
final class TestCluster: Sendable {
    let folder: TemporaryDirectory
    let settings: [ControlPlaneSettings]

    /// - Parameter adjust: changes the settings of every member.
    init(
        members: Int = 1, _ adjust: (inout ControlPlaneSettings) -> Void = { _ in }
    ) async throws {
        let folder = try TemporaryDirectory()
        let ports = try await freePorts(2 * members)
        let initial = (0..<members).map {
            ControlPlaneSettings.InitialMember(name: "m\($0)", peerURL: "http://127.0.0.1:\(ports[2 * $0 + 1])")
        }
        self.folder = folder
        settings = (0..<members).map { number in
            var settings = ControlPlaneSettings(dataFolder: folder.file("m\(number)"))
            settings.name = "m\(number)"
            settings.initialCluster = initial
            settings.listenClientURLs = ["http://127.0.0.1:\(ports[2 * number])"]
            settings.advertiseClientURLs = settings.listenClientURLs
            settings.listenPeerURLs = [initial[number].peerURL]
            settings.initialAdvertisePeerURLs = settings.listenPeerURLs
            settings.heartbeatInterval = .milliseconds(20)
            settings.electionTimeout = .milliseconds(200)
            adjust(&settings)
            return settings
        }
    }

    func start(_ number: Int = 0) throws -> TestMember {
        try TestMember.start(settings[number])
    }

    /// Runs `body` with all members, and stops them after it.
    static func with<Value: Sendable>(
        members: Int = 1, _ adjust: (inout ControlPlaneSettings) -> Void = { _ in },
        _ body: ([TestMember]) async throws -> Value
    ) async throws -> Value {
        let cluster = try await TestCluster(members: members, adjust)
        let running = try (0..<members).map(cluster.start)
        do {
            for member in running { _ = try await member.server.clientAddress }
            let value = try await body(running)
            for member in running { await member.stop() }
            return value
        } catch {
            for member in running { await member.stop() }
            throw error
        }
    }
}

/// A member that runs, and a client of it.
final class TestMember: Sendable {
    let server: ControlPlaneServer
    let client: GRPCClient
    private let task: Task<Void, any Error>

    private init(server: ControlPlaneServer, client: GRPCClient, task: Task<Void, any Error>) {
        self.server = server
        self.client = client
        self.task = task
    }

    static func start(_ settings: ControlPlaneSettings) throws -> TestMember {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = try ControlPlaneServer(settings, logger: logger)
        let endpoint = try #require(GRPCEndpoint(ServiceURL(settings.listenClientURLs[0]).authority))
        return TestMember(server: server, client: try GRPCClient([endpoint]), task: Task { try await server.run() })
    }

    /// As a lost process would: nothing is handed over.
    func stop() async {
        await client.stop()
        task.cancel()
        _ = await task.result
    }

    func call<Request: Message, Reply: Message>(
        _ path: String, _ request: Request, as type: Reply.Type = Reply.self, metadata: GRPCMetadata = [:]
    ) async throws -> Reply {
        try await client.unary(
            path, request, options: GRPCCallOptions(timeout: .seconds(30), metadata: metadata, waitForReady: true))
    }
}
