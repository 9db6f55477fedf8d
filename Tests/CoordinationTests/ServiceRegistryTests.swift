import ApusCoordination
import ApusKV
import ApusPrimitives
import Logging
import TestSupport
import Testing

@Suite struct ServiceRegistryTests {
    let time = ManualTime()
    let store: EmbeddedStore
    let registry: ServiceRegistry
    let directory: ServiceDirectory
    let order = ServiceInstance(service: "order", id: "order-1", host: "127.0.0.1", port: 4711)

    init() {
        store = EmbeddedStore(time: time.source)
        registry = ServiceRegistry(store: store, time: time.source, logger: .quiet)
        directory = ServiceDirectory(store: store, time: time.source, logger: .quiet)
    }

    @Test func `what is registered is found, what is deregistered is not`() async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await directory.run() }
            try await directory.waitUntilReady()
            #expect(directory.services.isEmpty)
            try await registry.register(order)
            try await eventually { directory.instances(of: "order") == [order] }
            #expect(directory.services == ["order"])
            try await registry.deregister(order)
            try await eventually { directory.instances(of: "order").isEmpty }
            #expect(directory.services.isEmpty)
            group.cancelAll()
        }
    }

    @Test(arguments: [
        ServiceInstance(service: "", id: "a", host: "h", port: 1),
        ServiceInstance(service: "a/b", id: "a", host: "h", port: 1),
        ServiceInstance(service: "a", id: "", host: "h", port: 1),
        ServiceInstance(service: "a", id: "b/c", host: "h", port: 1),
        ServiceInstance(service: "a", id: "b", host: "", port: 1),
        ServiceInstance(service: "a", id: "b", host: "h", port: 0),
        ServiceInstance(service: "a", id: "b", host: "h", port: 65536),
        ServiceInstance(service: "a", id: "b", host: "h", port: 1, weight: -1),
    ])
    func `an instance that is not allowed is refused`(_ instance: ServiceInstance) async throws {
        await #expect(throws: CoordinationError.self) { try await registry.register(instance) }
        #expect(store.revision == Revision(1))
    }
}

extension Logger {
    /// Says nothing: a test expects the faults that would be logged.
    static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
}
