import ApusCoordination
import ApusKV
import ApusPrimitives
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@Suite struct ServiceRegistryTests {
    let time = ManualTime()
    let store: FaultyStore
    let registry: ServiceRegistry
    let directory: ServiceDirectory
    let order = ServiceInstance(service: "order", id: "order-1", host: "127.0.0.1", port: 4711)
    let cart = ServiceInstance(
        service: "cart", id: "cart-1", host: "127.0.0.1", port: 4712, weight: 50, zone: "b", metadata: ["v": "2"])

    init() {
        store = FaultyStore(EmbeddedStore(time: time.source))
        registry = ServiceRegistry(store: store, time: time.source, logger: .quiet)
        directory = ServiceDirectory(store: store, time: time.source, logger: .quiet)
    }

    /// Lets time pass in small steps until `condition` holds.
    private func pass(_ step: Duration = .milliseconds(250), until condition: () async throws -> Bool) async throws {
        try await eventually {
            if try await condition() { return true }
            time.advance(by: step)
            return false
        }
    }

    private func running(
        _ services: [any Service], _ body: () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup { group in
            let real = store.real
            group.addTask { try await real.run() }
            for service in services { group.addTask { try await service.run() } }
            try await body()
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result { #expect(error is CancellationError) }
            }
        }
    }

    @Test func `what is registered is found, what is deregistered is not`() async throws {
        try await running([directory]) {
            try await directory.waitUntilReady()
            #expect(directory.services.isEmpty)
            try await registry.register(order)
            try await registry.register(cart)
            try await eventually { directory.services == ["cart", "order"] }
            #expect(directory.instances(of: "order") == [order])
            #expect(directory.instances(of: "cart") == [cart])
            #expect(directory.instances(of: "none").isEmpty)
            var moved = order
            moved.port = 9
            try await registry.register(moved)
            try await eventually { directory.instances(of: "order") == [moved] }
            try await registry.deregister(moved)
            try await eventually { directory.instances(of: "order").isEmpty }
            #expect(directory.services == ["cart"])
        }
        #expect(store.real.watcherCount == 0)
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
        #expect(store.real.revision == Revision(1))
    }

    @Test func `a registration is kept alive, and ends without it`() async throws {
        // A long time to live, so that a slow machine does not miss a keep-alive while the clock runs.
        let registry = ServiceRegistry(store: store, leaseTTLSeconds: 1_000, time: time.source, logger: .quiet)
        try await registry.register(order)
        let lease = try #require(store.real.snapshot.leases.first)
        try await running([directory]) {
            try await directory.waitUntilReady()
            try await withThrowingTaskGroup { group in
                group.addTask { try await registry.run() }
                let end = time.now + .seconds(4_000)
                try await pass(.seconds(3)) { time.now >= end }
                #expect(store.real.snapshot.leases.map(\.id) == [lease.id])
                #expect(directory.instances(of: "order") == [order])
                group.cancelAll()
                while await group.nextResult() != nil {}
            }
            try await pass(.seconds(3)) { directory.instances(of: "order").isEmpty }
        }
    }

    @Test func `a lost lease is replaced and everything registered again`() async throws {
        try await running([registry, directory]) {
            try await registry.register(order)
            try await registry.register(cart)
            let lease = try #require(store.real.snapshot.leases.first)
            #expect(store.real.snapshot.leases.count == 1)
            try await store.real.revokeLease(lease.id)
            try await eventually { directory.services.isEmpty }
            try await pass { directory.services == ["cart", "order"] }
            try await eventually { registry.isRegistered(order) && registry.isRegistered(cart) }
            #expect(store.real.snapshot.leases.count == 1)
        }
    }

    @Test func `an entry that was removed by hand comes back`() async throws {
        try await running([registry]) {
            try await registry.register(order)
            try await store.real.delete(order.key)
            try await pass { try await store.real.get(order.key) != nil }
        }
    }

    @Test func `a store that is away at first gets the registration later, and the directory goes on`() async throws {
        try await running([registry, directory]) {
            try await registry.register(cart)
            try await eventually { directory.services == ["cart"] }
            store.setAway(true)
            try await registry.register(order)
            #expect(!registry.isRegistered(order))
            try await pass { directory.freshness == .lastKnown }
            #expect(directory.services == ["cart"])
            store.setAway(false)
            try await pass { directory.services == ["cart", "order"] && directory.freshness == .live }
        }
    }

    @Test func `a store that lost its data gets everything again, and nobody is missed meanwhile`() async throws {
        // A grace so long that nothing can go by it.
        let directory = ServiceDirectory(store: store, graceSeconds: 1_000_000, time: time.source, logger: .quiet)
        try await running([registry, directory]) {
            try await registry.register(order)
            try await eventually { directory.services == ["order"] }
            store.replace(with: EmbeddedStore(time: time.source))
            var gaps = 0
            try await pass {
                if directory.services.isEmpty { gaps += 1 }
                return try await store.real.get(order.key) != nil && directory.freshness == .live
            }
            try await eventually { directory.instances(of: "order") == [order] }
            #expect(gaps == 0)
        }
    }

    @Test func `what is gone for good after an outage is dropped after its grace`() async throws {
        try await store.real.put(order.key, Bytes(#"{"service":"order","id":"order-1","host":"h","port":1}"#))
        try await running([directory]) {
            try await directory.waitUntilReady()
            #expect(directory.instances(of: "order").first?.weight == 100)
            store.replace(with: EmbeddedStore(time: time.source))
            try await pass { directory.freshness == .live && store.real.watcherCount == 1 }
            #expect(directory.services == ["order"])
            let listed = time.now
            try await pass { directory.services.isEmpty }
            #expect(time.now - listed >= .seconds(9))
        }
    }

    @Test func `a store that comes back empty before the watch is set up is noticed`() async throws {
        try await store.real.put(order.key, Bytes(#"{"service":"order","id":"order-1","host":"h","port":1}"#))
        store.losesDataBeforeNextWatch(EmbeddedStore(time: time.source))
        try await running([directory]) {
            try await directory.waitUntilReady()
            #expect(directory.services == ["order"])
            try await pass { directory.services.isEmpty }
        }
    }

    @Test func `a deletion during an outage is seen after it, without grace`() async throws {
        let directory = ServiceDirectory(store: store, graceSeconds: 1_000_000, time: time.source, logger: .quiet)
        try await running([directory]) {
            try await registry.register(order)
            try await eventually { directory.services == ["order"] }
            store.setAway(true)
            try await store.real.delete(order.key)
            store.setAway(false)
            try await pass { directory.services.isEmpty }
        }
    }

    @Test func `a watch that fell behind a compaction begins again`() async throws {
        try await running([directory]) {
            try await registry.register(order)
            try await eventually { directory.services == ["order"] }
            store.setAway(true)
            for index in 0..<10 { try await store.real.put("other", Bytes("\(index)")) }
            try await store.real.delete(order.key)
            try await store.real.put(cart.key, #"{"service":"cart","id":"cart-1","host":"h","port":1}"#)
            try await store.real.compact(at: store.real.revision)
            store.setAway(false)
            try await pass { directory.services.contains("cart") }
            try await pass { directory.services == ["cart"] }
        }
    }

    @Test func `a registration that the store refuses stands in nobody's way`() async throws {
        var huge = cart
        huge.metadata = ["x": String(repeating: "x", count: 2_000_000)]
        // While the store is away nobody knows that it will be refused.
        store.setAway(true)
        try await registry.register(huge)
        store.setAway(false)
        try await registry.register(order)
        #expect(registry.isRegistered(order))
        let error = await #expect(throws: CoordinationError.self) { try await registry.register(huge) }
        #expect(error?.code == .invalidRequest)
        #expect(!registry.isRegistered(huge))
        try await registry.register(cart)
        #expect(registry.isRegistered(cart))
    }

    @Test func `another process that took an identifier over keeps it`() async throws {
        // Nobody keeps it alive here: it must outlast the clock of a busy machine.
        let twin = ServiceRegistry(store: store, leaseTTLSeconds: 1_000, time: time.source, logger: .quiet)
        var successor = order
        successor.port = 5000
        try await running([registry, directory]) {
            try await registry.register(order)
            try await twin.register(successor)
            // Neither its keep-alive nor its end touches what is no longer its own.
            try await pass { !registry.isRegistered(order) }
            try await registry.deregister(order)
            #expect(try await store.real.get(order.key) != nil)
            // The directory hears of it when the machine gets round to it.
            try await eventually { directory.instances(of: "order") == [successor] }
        }
    }

    @Test func `graceful shutdown removes what was registered at once`() async throws {
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(services: [.init(service: registry)], logger: .quiet))
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            try await registry.register(order)
            try await time.waitForSleepers()
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        #expect(try await store.real.list(prefix: ServiceInstance.keyPrefix).count == 0)
        #expect(store.real.snapshot.leases.isEmpty)
    }

    @Test(arguments: [
        "not json", "{}", #"{"service":"x","id":"other","host":"h","port":1}"#,
        #"{"service":"x","id":"bad","host":"h","port":99999}"#,
    ])
    func `what is not an instance is skipped`(_ value: String) async throws {
        try await store.real.put(ServiceInstance.keyPrefix + "x/bad", Bytes(value))
        try await running([directory]) {
            try await directory.waitUntilReady()
            #expect(directory.services.isEmpty)
            try await registry.register(order)
            try await eventually { directory.services == ["order"] }
        }
    }

    @Test func `notices of changes are merged for who is slow`() async throws {
        try await running([directory]) {
            try await directory.waitUntilReady()
            var changes = directory.changes().makeAsyncIterator()
            for port in 1...200 {
                var instance = order
                instance.port = port
                try await registry.register(instance)
            }
            try await eventually { directory.instances(of: "order").first?.port == 200 }
            var notices = 0
            while directory.instances(of: "order").first?.port != 200 || notices == 0 {
                await changes.next()
                notices += 1
            }
            #expect(notices == 1)
        }
    }

    @Test func `a cancelled wait for the first list ends`() async throws {
        let waiter = Task { try await directory.waitUntilReady() }
        waiter.cancel()
        await #expect(throws: CancellationError.self) { try await waiter.value }
    }
}

extension Logger {
    /// Says nothing: a test expects the faults that would be logged.
    static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
}
