import ApusCoordination
import ApusKV
import ApusPrimitives
import Logging
import TestSupport
import Testing

@testable import ApusEtcd

/// The registry and the settings, over a real etcd of three members, one of which dies.
@Suite struct ServicesOverEtcdTests {
    static let quiet = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }

    @Test(.timeLimit(.minutes(3)))
    func instancesAndSettingsOutliveAMember() async throws {
        let server = try await EtcdServer(.etcd(), count: 3)
        let instance = ServiceInstance(service: "order", id: "order-1", host: "127.0.0.1", port: 4711)
        try await EtcdStore.with(server.endpoints, logger: Self.quiet) { mine in
            try await EtcdStore.with(server.endpoints, logger: Self.quiet) { theirs in
                let registry = ServiceRegistry(store: mine, leaseTTLSeconds: 5, logger: Self.quiet)
                let directory = ServiceDirectory(store: theirs, logger: Self.quiet)
                let writer = ConfigCenter(store: mine, namespace: "order", defaults: ["limit": 100], logger: Self.quiet)
                let reader = ConfigCenter(
                    store: theirs, namespace: "order", defaults: ["limit": 100], logger: Self.quiet)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await registry.run() }
                    group.addTask { try await directory.run() }
                    group.addTask { try await writer.run() }
                    group.addTask { try await reader.run() }
                    defer { group.cancelAll() }
                    try await registry.register(instance)
                    try await eventually { directory.instances(of: "order") == [instance] }
                    try await writer.set("limit", to: 200)
                    try await eventually { try reader.int("limit") == 200 }

                    for store in [mine, theirs] {
                        let current = store.client.currentEndpoint.description
                        guard let victim = server.members.first(where: { $0.clientURL == current && $0.isRunning })
                        else {
                            continue
                        }
                        try await victim.kill()
                        // Longer than the lease: it is kept alive at another member.
                        try await letRealTimePass(.seconds(8))
                        #expect(directory.instances(of: "order") == [instance])
                        try victim.start()
                        try await victim.waitUntilReady()
                    }
                    try await eventually { (try? await writer.set("limit", to: 300)) != nil }
                    try await eventually { try reader.int("limit") == 300 }
                    try await registry.deregister(instance)
                    try await eventually { directory.instances(of: "order").isEmpty }
                }
            }
        }
    }
}
