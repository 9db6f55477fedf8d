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

    @Test func `the least important requests are refused first, and the answer says on what numbers`() async throws {
        let latch = Latch()
        try await HostBench.run(
            changing: { $0.maxConcurrentRequests = 10 },
            routes: { router in
                router.get("/wait") { _, _ in
                    try await latch.wait()
                    return "\(RequestPriority.current)"
                }
            }
        ) { bench in
            var held: [RawConnection] = []
            func hold(_ priority: String, upTo count: Int) async throws {
                while held.count < count {
                    let connection = try await bench.connect()
                    try await connection.send(HostBench.text("GET", "/wait", headers: "apus-priority: \(priority)\r\n"))
                    held.append(connection)
                    try await eventually { latch.arrived == held.count }
                }
            }
            func refusal(_ priority: String) async throws -> String {
                let problem = try await bench.get("/wait", headers: "apus-priority: \(priority)\r\n").problem(503)
                return problem.detail ?? ""
            }
            // Half of ten for those that may go first, then seven, nine, and all of them.
            try await hold("sheddable", upTo: 5)
            #expect(
                try await refusal("sheddable") == "5 requests are in flight, the limit is 10, 5 for sheddable ones.")
            try await hold("background", upTo: 7)
            #expect(try await refusal("background").contains("7 for background ones"))
            // What is no priority is a normal one.
            try await hold("urgent!", upTo: 9)
            #expect(try await refusal("normal").contains("9 for normal ones"))
            try await hold("critical", upTo: 10)
            #expect(try await refusal("critical") == "10 requests are in flight, the limit is 10.")
            latch.open()
            #expect(try await held[0].response().bodyText == "sheddable")
            #expect(try await held[9].response().bodyText == "critical")
            for connection in held { await connection.close() }
        }
    }

    @Test func `deadlines that nothing can meet do not make the limit fall`() async throws {
        let latch = Latch()
        try await HostBench.run(routes: { router in
            router.get("/wait") { _, _ in
                try await latch.wait()
                return "done"
            }
        }) { bench in
            let connection = try await bench.connect()
            // Longer than a window of the limit, and more requests than one needs.
            for _ in 0..<80 {
                try await connection.send(HostBench.text("GET", "/wait", headers: "apus-timeout-ms: 5\r\n"))
                _ = try await connection.response().problem(504)
            }
            await connection.close()
            #expect(bench.host.policy.snapshot().limit == 256)
        }
    }

    @Test func `a rate limit refuses with 429, and health is not counted`() async throws {
        try await HostBench.run(
            changing: { $0.rateLimit = RateLimiter.Configuration(permits: 2, per: .seconds(3600)) },
            routes: { router in router.get("/quick") { _, _ in "done" } }
        ) { bench in
            for _ in 0..<5 { #expect(try await bench.get("/livez").status == 200) }
            for _ in 0..<2 { #expect(try await bench.get("/quick").bodyText == "done") }
            let refused = try await bench.get("/quick")
            let problem = try refused.problem(429)
            #expect(problem.extensions["policy"] == "rate-limit")
            #expect(refused.header("retry-after") != nil)
            #expect(refused.header(ServiceResponse.unprocessedHeader) == "1")
            #expect(try await bench.get("/readyz").status == 200)
        }
    }

    @Test func `the bounds of a running host are changed, and what is in stays in`() async throws {
        let latch = Latch()
        try await HostBench.run(routes: { router in
            router.get("/wait") { _, _ in
                try await latch.wait()
                return "done"
            }
        }) { bench in
            let held = try await bench.connect()
            try await held.send(HostBench.text("GET", "/wait"))
            try await eventually { latch.arrived == 1 }
            var settings = HostSettings()
            settings.maxConcurrentRequests = 1
            bench.host.policy.update(settings.admission)
            _ = try await bench.get("/wait").problem(503)
            bench.host.policy.update(HostSettings().admission)
            latch.open()
            #expect(try await bench.get("/wait").bodyText == "done")
            #expect(try await held.response().bodyText == "done")
            await held.close()
        }
    }

    @Test func `bounds that nothing could pass are moved to the nearest that work, and named`() async throws {
        try await HostBench.run(
            changing: {
                $0.maxConcurrentRequests = 0
                $0.minConcurrentRequests = -7
                $0.maxConnections = 0
                $0.leaseTTLSeconds = 0
            },
            routes: { router in router.get("/quick") { _, _ in "done" } }
        ) { bench in
            let text = try await bench.get("/quick").bodyText
            #expect(text == "done")
            #expect(
                bench.host.settings.complaints == [
                    "maxConcurrentRequests cannot be 0: 1 holds", "minConcurrentRequests cannot be -7: 1 holds",
                    "maxConnections cannot be 0: 1 holds", "leaseTTLSeconds cannot be 0: 1 holds",
                ])
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
