import Foundation
import TestSupport

/// What is held against etcd: `apus server`. With `APUS_COMPAT_SELF` set it is another etcd, which shows that a test asks for
/// nothing that etcd does not do.
enum Contender {
    static let isEtcd = ProcessInfo.processInfo.environment["APUS_COMPAT_SELF"] != nil

    static func program() throws -> EtcdProgram { try isEtcd ? .etcd() : .apus() }

    /// Passwords are not what is measured here.
    static let flags = ["--bcrypt-cost", "4", "--log-level", "error"]

    /// How many members a cluster has where a test takes one of each.
    static let nodes = [1]

    /// What the clients do; nothing for everything.
    static let goCases: [String] = []
    static let pythonCases: [String] = []

    static func server(count: Int = 1) async throws -> EtcdServer {
        try await EtcdServer(program(), count: count, flags: flags)
    }
}
