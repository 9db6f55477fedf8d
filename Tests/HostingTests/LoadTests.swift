import ApusRPC
import ApusResilience
import Hummingbird
import TestSupport
import Testing

@testable import ApusHosting

/// Bounds on time and on the number of requests.
@Suite struct LoadTests {
    @Test func `the default deadline ends a handler with 504`() async throws {
        let latch = Latch()
        try await HostBench.run(
            changing: { $0.requestTimeout = .milliseconds(50) },
            routes: { router in
                router.get("/wait") { _, _ in
                    try await latch.wait()
                    return "done"
                }
            }
        ) { bench in
            let connection = try await bench.connect()
            try await connection.send(HostBench.text("GET", "/wait"))
            let problem = try await connection.response().problem(504)
            #expect(problem.extensions["policy"] == "deadline")
            #expect(latch.cancelled == 1)
            // The connection is as good as before. On a busy machine the deadline of this one may pass too.
            try await connection.send(HostBench.text("GET", "/livez"))
            let next = try await connection.response()
            #expect(next.header("connection") != "close")
            await connection.close()
        }
    }

    @Test func `a deadline of the caller's is honoured when it is earlier`() async throws {
        let latch = Latch()
        try await HostBench.run(
            changing: { $0.requestTimeout = .seconds(30) },
            routes: { router in
                router.get("/left") { _, context in
                    #expect(Deadline.current == context.deadline)
                    let left = context.deadline?.remaining(at: TimeSource.continuous.now()) ?? .zero
                    return left > .seconds(20) ? "long" : "short"
                }
                router.get("/wait") { _, _ in
                    try await latch.wait()
                    return "done"
                }
            }
        ) { bench in
            #expect(try await bench.get("/left").bodyText == "long")
            #expect(try await bench.get("/left", headers: "apus-timeout-ms: 20000\r\n").bodyText == "short")
            for ignored in ["3600000", "0", "-1", "soon", "99999999999999999999"] {
                #expect(try await bench.get("/left", headers: "apus-timeout-ms: \(ignored)\r\n").bodyText == "long")
            }
            _ = try await bench.get("/wait", headers: "apus-timeout-ms: 40\r\n").problem(504)
        }
    }

    @Test func `above the limit requests get 503 with Retry-After, health does not`() async throws {
        let latch = Latch()
        try await HostBench.run(
            changing: { $0.maxConcurrentRequests = 2 },
            routes: { router in
                router.get("/wait") { _, _ in
                    try await latch.wait()
                    return "done"
                }
            }
        ) { bench in
            let held = [try await bench.connect(), try await bench.connect()]
            for connection in held { try await connection.send(HostBench.text("GET", "/wait")) }
            try await eventually { latch.arrived == 2 }
            let refused = try await bench.get("/wait")
            let problem = try refused.problem(503)
            #expect(refused.header("retry-after") == "1")
            // Says to a `ServiceClient` that it may be sent elsewhere, whatever its method.
            #expect(refused.header(ServiceResponse.unprocessedHeader) == "1")
            #expect(problem.extensions["policy"] == "concurrency-limit")
            for path in ["/livez", "/readyz", "/metrics"] { #expect(try await bench.get(path).status == 200) }
            #expect(latch.arrived == 2)
            latch.open()
            for connection in held {
                #expect(try await connection.response().bodyText == "done")
                await connection.close()
            }
            #expect(try await bench.get("/wait").bodyText == "done")
        }
    }

    @Test func `a client that goes away cancels its handler`() async throws {
        let latch = Latch()
        try await HostBench.run(routes: { router in
            router.get("/wait") { _, _ in
                try await latch.wait()
                return "done"
            }
        }) { bench in
            let connection = try await bench.connect()
            try await connection.send(HostBench.text("GET", "/wait"))
            try await eventually { latch.arrived == 1 }
            await connection.close()
            try await eventually { latch.cancelled == 1 }
            try await eventually { bench.host.connections.count == 0 }
        }
    }
}
