import ApusEtcd
import ApusEtcdAPI
import ApusGRPC
import ArgumentParser
import Foundation
import Logging
import SwiftProtobuf

/// What a command works with.
struct CtlSession: Sendable {
    let client: EtcdClient
    let output: CtlOutput
    let settings: EtcdClientSettings

    /// Each endpoint of `--endpoints`, or of the whole cluster, with a client for it alone.
    func eachEndpoint<Value: Sendable>(
        ofCluster: Bool, _ body: (String, EtcdClient) async throws -> Value
    ) async throws -> [Value] {
        var names = client.endpoints.map { ($0, "\($0)") }.map(\.1)
        var each = client
        if ofCluster {
            names = try await client.memberList().members.flatMap(\.clientUrls)
            each = try EtcdClient(names, settings: settings, logger: .quiet)
        }
        var values: [Value] = []
        for (endpoint, name) in zip(each.endpoints, ofCluster ? names : given) {
            values.append(try await body(name, each.at(endpoint)))
        }
        if ofCluster { await each.close() }
        return values
    }

    /// The endpoints as they were written.
    let given: [String]
}

/// A command that talks to a control plane.
protocol CtlLeaf: AsyncParsableCommand {
    var global: GlobalOptions { get }

    func run(_ session: CtlSession) async throws
}

extension CtlLeaf {
    func run() async throws {
        let output = try global.output()
        let settings = try global.settings()
        let given = global.endpointList
        try await EtcdClient.with(given, settings: settings, logger: .quiet) { client in
            try await run(CtlSession(client: client, output: output, settings: settings, given: given))
        }
    }
}

extension Logger {
    /// Errors are told once, in the end.
    static let quiet = Logger(label: "apus.ctl") { _ in SwiftLogNoOpLogHandler() }
}
