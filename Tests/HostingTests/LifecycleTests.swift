import ApusCoordination
import ApusKV
import ApusObservability
import ApusPrimitives
import Hummingbird
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import ApusHosting

/// From the first registration to the last answer.
@Suite struct LifecycleTests {
    @Test func `registers with a lease, where it can be reached`() async throws {
        try await HostBench.run(
            metadata: ["version": "7"],
            changing: {
                $0.zone = "north"
                $0.leaseTTLSeconds = 42
            }
        ) { bench in
            try await eventually { !bench.directory.instances(of: "demo").isEmpty }
            let instance = try #require(bench.directory.instances(of: "demo").first)
            let expected = ServiceInstance(
                service: "demo", id: "demo-1", host: "127.0.0.1", port: bench.port, zone: "north",
                metadata: ["version": "7"])
            #expect(bench.directory.instances(of: "demo") == [expected])
            let entry = try #require(try await bench.store.get(instance.key))
            #expect(entry.lease != .none)
            #expect(try await bench.store.keepAlive(entry.lease) == 42)
        }
    }

    @Test func `what the system chose and what others are told may differ`() async throws {
        try await HostBench.run(
            id: nil,
            changing: {
                $0.host = "0.0.0.0"
                $0.advertisedHost = "demo.example"
            }
        ) { bench in
            try await eventually { !bench.directory.instances(of: "demo").isEmpty }
            let instance = try #require(bench.directory.instances(of: "demo").first)
            #expect(instance.host == "demo.example")
            #expect(instance.id.hasPrefix("demo-") && instance.id == bench.host.id)
        }
    }

    /// Not ready, then out of the registry, then the requests in flight, then the end.
    @Test func `a graceful stop deregisters first and completes what is in flight`() async throws {
        let (deletions, answer) = (Latch(), Latch())
        try await HostBench.run(
            front: { GatedStore(base: $0, deletions: deletions) }, changing: { $0.leaseTTLSeconds = 600 },
            routes: { router in
                router.get("/wait") { _, _ in
                    try await answer.wait()
                    return "done"
                }
            }
        ) { bench in
            try await eventually { bench.directory.instances(of: "demo").count == 1 }
            let (inFlight, idle) = (try await bench.connect(), try await bench.connect())
            try await inFlight.send(HostBench.text("GET", "/wait"))
            try await idle.send(HostBench.text("GET", "/livez"))
            #expect(try await idle.response().status == 200)
            try await eventually { answer.arrived == 1 }

            await bench.stop()
            // Callers that have not heard of the stop are still served, but the health says not to send more.
            try await eventually { deletions.arrived == 1 }
            let ready = try await bench.get("/readyz")
            #expect(ready.status == 503 && ready.bodyText.contains("draining"))
            #expect(try await bench.get("/livez").status == 200)
            #expect(bench.directory.instances(of: "demo").count == 1)

            deletions.open()
            try await eventually { bench.directory.instances(of: "demo").isEmpty }
            try await idle.waitUntilClosed()
            #expect(!bench.hasEnded.withLock { $0 })
            answer.open()
            let response = try await inFlight.response()
            #expect(response.bodyText == "done")
            #expect(response.header("connection") == "close")
            try await bench.waitUntilEnded()
            await #expect(throws: (any Error).self) { try await bench.connect() }
        }
    }

    @Test func `a request that does not end is cut off after the drain timeout`() async throws {
        let latch = Latch()
        try await HostBench.run(
            changing: {
                $0.drainTimeout = .milliseconds(100)
                $0.requestTimeout = .seconds(60)
            },
            routes: { router in
                router.get("/wait") { _, _ in
                    try await latch.wait()
                    return "done"
                }
            }
        ) { bench in
            let connection = try await bench.connect()
            try await connection.send(HostBench.text("GET", "/wait"))
            try await eventually { latch.arrived == 1 }
            await bench.stop()
            try await bench.waitUntilEnded()
            #expect(latch.cancelled == 1)
            try await connection.waitUntilClosed()
            await connection.close()
        }
    }

    @Test func `cancelled, it leaves its registration to the lease, as a dead process does`() async throws {
        let store = EmbeddedStore()
        let host = ServiceHost("demo", id: "demo-1", store: store, settings: HostSettings(), logger: .silent) { _ in }
        let running = Task { try await host.run() }
        try await host.waitUntilReady()
        running.cancel()
        _ = await running.result
        #expect(host.connections.count == 0)
        let entry = try #require(try await store.get("apus/services/demo/demo-1"))
        try await store.revokeLease(entry.lease)
        #expect(try await store.get("apus/services/demo/demo-1") == nil)
    }

    @Test func `a port in use is an error that names it`() async throws {
        try await HostBench.run { bench in
            var settings = HostSettings()
            settings.port = bench.port
            let second = ServiceHost("other", store: bench.store, settings: settings, logger: .silent) { _ in }
            let error = await #expect(throws: HostError.self) { try await second.run() }
            await #expect(throws: HostError.self) { _ = try await second.boundAddress }
            #expect(error?.message.contains("127.0.0.1:\(bench.port) is in use") == true)
            // The first is not disturbed, and the second not registered.
            let alive = try await bench.get("/livez")
            #expect(alive.status == 200)
            let others = try await bench.store.list(prefix: "apus/services/other/").kvs
            #expect(others.isEmpty)
        }
    }

    @Test func `an address of another machine is an error that names it`() async throws {
        var settings = HostSettings()
        settings.host = "192.0.2.1"  // for documentation only (RFC 5737): nobody has it
        let host = ServiceHost("demo", settings: settings, logger: .silent) { _ in }
        let error = await #expect(throws: HostError.self) { try await host.run() }
        #expect(error?.message.contains("192.0.2.1:0 cannot be listened on") == true)
    }

    @Test func `its own services run before the first request and after the last`() async throws {
        let probe = Probe()
        try await HostBench.run(
            services: [probe],
            routes: { router in
                router.get("/probe") { _, _ in
                    try await eventually { probe.isRunning }
                    return "running"
                }
            }
        ) { bench in
            let connection = try await bench.connect()
            try await connection.send(HostBench.text("GET", "/probe"))
            #expect(try await connection.response().bodyText == "running")
            await bench.stop()
            try await bench.waitUntilEnded()
            #expect(!probe.isRunning)
            await connection.close()
        }
    }
}

private final class Probe: Service {
    private let state = Locked(false)

    var isRunning: Bool { state.withLock { $0 } }

    func run() async throws {
        state.withLock { $0 = true }
        try? await gracefulShutdown()
        state.withLock { $0 = false }
    }
}
