import ApusCoordination
import ApusEtcd
import ApusObservability
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// A cluster, from its settings to its end by a signal.
enum ClusterProcess {
    /// A service may take its time to answer its last requests; the nodes end after all services.
    static let shutdownLimit = Duration.seconds(45)

    /// - Throws: `StartFailure`, with a line for the operator.
    static func run(_ settings: ClusterSettings) async throws {
        ApusObservability.bootstrap(service: "shop-cluster", logLevel: .error)
        let logger = Logger(label: "shop.cluster")
        let common = settings.common
        try DataFolder.prepare(common.data)
        let lock = try await lock(common.data)
        defer { withExtendedLifetime(lock) {} }
        let logs = common.data.appending(path: "logs")
        let plan = try await plan(settings)
        do {
            try FileManager.default.createDirectory(at: logs, withIntermediateDirectories: true)
        } catch {
            throw StartFailure(description: "\(logs.path(percentEncoded: false)) cannot be made: \(error)")
        }
        let board = ClusterBoard { line in write(line) }
        let spawner = Spawner()
        func keepers(_ members: [ClusterMember]) -> MemberKeepers {
            MemberKeepers(
                keepers: members.map { member in
                    let log = logs.appending(path: "\(member.name).log").path(percentEncoded: false)
                    keepOldLog(log)
                    return MemberKeeper(member, log: log, spawner: spawner, board: board)
                })
        }
        let store = try plan.controlPlane.openStore(logger: logger)
        let directory = ServiceDirectory(store: store, logger: logger)
        let opening = ClusterOpening(plan: plan, directory: directory, board: board, logs: logs)
        // It ends in the opposite order: the services while there is a control plane.
        var configuration = ServiceGroupConfiguration(
            services: [keepers(plan.nodes), store, directory, keepers(plan.services + plan.gateways), opening],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = shutdownLimit
        configuration.maximumCancellationDuration = .seconds(10)
        try await ServiceGroup(configuration: configuration).run()
    }

    static func write(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }

    private static func plan(_ settings: ClusterSettings) async throws -> ClusterPlan {
        let common = settings.common
        let ports =
            common.port == 0
            ? try await ClusterPorts.free(ClusterPlan.instanceCount)
            : (0..<ClusterPlan.instanceCount).map { common.port + $0 }
        for port in ports { try await ShopProcess.checkAddress(common.host, port) }
        let shop =
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        let apus =
            settings.apus
            ?? URL(filePath: shop).deletingLastPathComponent().appending(path: "apus").path(percentEncoded: false)
        var nodePorts: ClusterPorts?
        if common.controlPlane == nil {
            guard FileManager.default.isExecutableFile(atPath: apus) else {
                throw StartFailure(
                    description: "there is no program \(apus); build it (`swift build --product apus`), name it with "
                        + "--apus, or use another control plane with --endpoints")
            }
            nodePorts = try await ClusterPorts.kept(
                in: common.data.appending(path: "control-plane"), count: ClusterPlan.nodeCount)
        }
        return ClusterPlan(
            common, programs: .init(shop: shop, apus: apus), nodePorts: nodePorts, gatewayPorts: ports,
            environment: ProcessInfo.processInfo.environment)
    }

    private static func lock(_ data: URL) async throws -> FileLock {
        let path = data.path(percentEncoded: false)
        do {
            return try await FileLock(data.appending(path: "cluster.lock").path(percentEncoded: false), .alone)
        } catch let held as FileLock.Held {
            throw StartFailure(
                description: "another cluster runs on the data folder \(path) (process \(held.owner)); stop it, or "
                    + "choose another folder with --data")
        } catch {
            throw StartFailure(description: "the data folder \(path) cannot be used: \(error)")
        }
    }

    /// The log of the last run is kept, and no more: logs do not grow from one start to the next.
    private static func keepOldLog(_ path: String) {
        try? FileManager.default.removeItem(atPath: path + ".old")
        try? FileManager.default.moveItem(atPath: path, toPath: path + ".old")
    }
}
