import ApusHosting
import ApusObservability
import ApusPrimitives
import Hummingbird
import TestSupport
import Testing

/// What every service has without asking for it.
@Suite struct StandardRoutesTests {
    @Test func `livez and readyz ask the checks of their kind`() async throws {
        let health = HealthRegistry()
        let isStoreUp = Locked(true)
        health.register("store") { isStoreUp.withLock { $0 } ? .up : .down("no connection") }
        try await HostBench.run(health: health) { bench in
            #expect(try await bench.get("/livez").status == 200)
            #expect(try await bench.get("/readyz").status == 200)
            isStoreUp.withLock { $0 = false }
            let ready = try await bench.get("/readyz")
            #expect(ready.status == 503)
            #expect(ready.header("content-type") == "application/json")
            #expect(ready.bodyText.contains(#"{"name":"store","status":"down","detail":"no connection"}"#))
            #expect(try await bench.get("/livez").status == 200)
        }
    }

    @Test func `metrics count requests by route, not by path`() async throws {
        try await HostBench.run(routes: { router in
            router.get("/things/{id}") { _, context in try context.parameters.require("id") }
        }) { bench in
            for id in ["a", "b", "c"] { #expect(try await bench.get("/things/\(id)").status == 200) }
            #expect(try await bench.get("/nowhere/at/all").status == 404)
            #expect(try await bench.ask(HostBench.text("DELETE", "/things/a")).status == 405)
            _ = try await bench.ask("nonsense\r\n\r\n")
            let answer = try await bench.get("/metrics")
            #expect(answer.header("content-type") == PrometheusRegistry.contentType)
            let text = answer.bodyText
            let name = "http_server_request_duration_seconds_count"
            #expect(text.contains(#"\#(name){method="GET",route="/things/{id}",service="demo",status="200"} 3"#))
            #expect(text.contains(#"\#(name){method="GET",route="none",service="demo",status="404"} 1"#))
            #expect(text.contains(#"method="DELETE",route="/things/{id}",service="demo",status="405"} 1"#))
            #expect(text.contains(#"http_server_refused_total{service="demo",status="400"} 1"#))
            #expect(text.contains(#"http_server_requests_in_flight{service="demo"} 0"#))
            #expect(!text.contains("nowhere"))
        }
    }

    @Test func `a HEAD is answered like a GET, without the body`() async throws {
        try await HostBench.run(routes: { router in router.get("/hello") { _, _ in "hello" } }) { bench in
            let answer = try await bench.ask(HostBench.text("HEAD", "/hello"))
            #expect(answer.status == 200)
            #expect(answer.header("content-length") == "5")
            #expect(try await bench.ask(HostBench.text("HEAD", "/nowhere")).status == 404)
        }
    }
}
