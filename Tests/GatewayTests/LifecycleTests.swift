import ApusCoordination
import ApusKV
import ApusObservability
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import TestSupport
import Testing

@testable import ApusGateway

@Suite struct LifecycleTests {
    @Test func aGracefulShutdownLetsRequestsEnd() async throws {
        let server = try await ScriptedServer.start { request in
            request.path == "/api/slow" ? .silence : .ok("quick")
        }
        var settings = GatewaySettings(port: 0)
        settings.drainTimeout = .seconds(3)  // time enough for the rest of a request to arrive
        let gateway = Gateway(
            routes: [GatewayRoute(.prefix("/api"), to: "api")], instances: { _ in [server.instance(of: "api")] },
            settings: settings, metrics: nil, health: HealthRegistry(),
            logger: .silent)
        let group = ServiceGroup(
            services: [gateway], logger: .silent)
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            let port = try await gateway.boundAddress.port ?? 0
            let idle = try await RawConnection.connect(port: port)
            try await idle.send("GET /api HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await idle.response().bodyText == "quick")
            let partial = try await RawConnection.connect(port: port)
            try await partial.send("GET /api HTTP/1.1\r\nHo")
            let slow = try await RawConnection.connect(port: port)
            try await slow.send("GET /api/slow HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { server.requests.count == 2 }
            await group.triggerGracefulShutdown()
            try await idle.waitUntilClosed()
            // A request that had begun is still answered, with the news that it was the last.
            try await partial.send("st: a\r\n\r\n")
            let last = try await partial.response()
            #expect(last.bodyText == "quick")
            #expect(last.header("connection") == "close")
            await partial.close()
            // One that never ends is ended.
            try await slow.waitUntilClosed()
            await #expect(throws: (any Error).self) { try await RawConnection.connect(port: port) }
            try await tasks.waitForAll()
            for connection in [idle, slow] { await connection.close() }
        }
        await server.kill()
    }

    @Test func aPortInUseIsAClearError() async throws {
        let server = try await ScriptedServer.start { _ in .silence }
        let gateway = Gateway(
            routes: [], instances: { _ in [] }, settings: GatewaySettings(port: server.port), metrics: nil,
            health: HealthRegistry(), logger: .silent)
        let error = await #expect(throws: GatewayError.self) { try await gateway.run() }
        #expect(error?.code == .cannotListen)
        #expect(error?.description.contains("127.0.0.1:\(server.port)") == true)
        await #expect(throws: GatewayError.self) { try await gateway.boundAddress }
        let second = await #expect(throws: GatewayError.self) { try await gateway.run() }
        #expect(second?.code == .alreadyRun)
        await server.kill()
    }

    @Test func healthAndMetricsAreItsOwn() async throws {
        let server = try await ScriptedServer.start { _ in .ok("x") }
        try await Harness.run(servers: [server]) { harness in
            #expect(try await harness.get("/livez").status == 200)
            #expect(try await harness.get("/readyz").status == 200)
            _ = try await harness.get("/api/x")
            _ = try await harness.get("/nothing")
            let text = try await harness.get("/metrics").bodyText
            #expect(
                text.contains(
                    "apus_gateway_requests_total{method=\"GET\",route=\"/api/*\",service=\"api\",status=\"200\"} 1"),
                "\(text)")
            #expect(
                text.contains(
                    "apus_gateway_requests_total{method=\"GET\",route=\"none\",service=\"gateway\",status=\"404\"} 1"))
            #expect(text.contains("apus_gateway_request_duration_seconds_bucket{"))
            #expect(text.contains("apus_gateway_active_connections 1"))
            let head = try await harness.ask("HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(head.status == 200 && head.body.isEmpty)
            let options = try await harness.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(options.status == 204)
        }
    }

    @Test func instancesComeFromTheDirectory() async throws {
        let store = EmbeddedStore()
        let logger = Logger.silent
        let directory = ServiceDirectory(store: store, logger: logger)
        let registry = ServiceRegistry(store: store, logger: logger)
        let server = try await ScriptedServer.start { _ in .ok("found") }
        let gateway = Gateway(
            routes: [GatewayRoute(.prefix("/api"), to: "api")], directory: directory,
            settings: GatewaySettings(port: 0), metrics: nil, logger: logger)
        try await withThrowingTaskGroup { group in
            group.addTask { try await gateway.run() }
            let port = try await gateway.boundAddress.port ?? 0
            func ask(_ path: String) async throws -> Int {
                try await RawConnection.exchange("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n", port: port).status
            }
            #expect(try await ask("/readyz") == 503)
            #expect(try await ask("/api") == 503)
            group.addTask { try await directory.run() }
            group.addTask { try await registry.run() }
            try await registry.register(server.instance(of: "api"))
            try await eventually { try await ask("/readyz") == 200 }
            try await eventually { try await ask("/api") == 200 }
            group.cancelAll()
            while (try? await group.next()) != nil {}
        }
        await server.kill()
    }
}
