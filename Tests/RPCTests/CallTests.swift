import ApusCoordination
import ApusObservability
import ApusPrimitives
import ApusRPC
import ApusResilience
import TestSupport
import Testing

/// One call to one instance: what goes over the wire, and what comes back.
@Suite struct CallTests {
    @Test func `JSON goes there and comes back`() async throws {
        let server = try await StubServer.start("one") { call in
            call.method == "GET" ? .json(#"{"name":"mug"}"#) : .json(String(decoding: call.body, as: UTF8.self))
        }
        try await ClientBench.run([server]) { bench in
            #expect(try await bench.get("/things/7?full=1") == ClientBench.Thing(name: "mug"))
            let sent = ClientBench.Thing(name: "cap")
            let made: ClientBench.Thing = try await bench.client.post(
                "api", "/things", body: sent, idempotencyKey: "k1", headers: ["x-tenant": "7"])
            #expect(made == sent)
            let calls = server.calls
            #expect(calls.map(\.method) == ["GET", "POST"])
            #expect(calls[0].path == "/things/7?full=1")
            #expect(calls[0].header("accept") == "application/json")
            #expect(calls[1].header("idempotency-key") == "k1")
            #expect(calls[1].header("content-type") == "application/json")
            #expect(calls[1].header("x-tenant") == "7")
        }
    }

    @Test func `deadline and trace go along`() async throws {
        let server = try await StubServer.start("one") { _ in .json(#"{"name":"mug"}"#) }
        try await ClientBench.run([server], changing: { $0.policy.deadline = .seconds(30) }) { bench in
            let caller = try #require(
                TraceContext(
                    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: ["a=1"]))
            try await TraceContext.$current.withValue(caller) {
                let deadline = Deadline(after: .seconds(5), from: TimeSource.continuous.now())
                _ = try await deadline.run { try await bench.get() }
            }
            _ = try await bench.get()
            let calls = server.calls
            let parent = try #require(calls[0].header("traceparent").flatMap { TraceContext(traceparent: $0) })
            #expect(parent.traceID == caller.traceID && parent.spanID != caller.spanID)
            #expect(calls[0].header("tracestate") == "a=1")
            let short = try #require(calls[0].header("apus-timeout-ms").flatMap { Int($0) })
            let long = try #require(calls[1].header("apus-timeout-ms").flatMap { Int($0) })
            #expect((1...5000).contains(short))
            #expect((5001...30_000).contains(long))
            #expect(calls[1].header("traceparent").flatMap { TraceContext(traceparent: $0) } != nil)
        }
    }

    @Test func `a priority goes along unless it is the normal one`() async throws {
        let server = try await StubServer.start("one") { _ in .json(#"{"name":"mug"}"#) }
        try await ClientBench.run([server]) { bench in
            for priority in RequestPriority.allCases {
                _ = try await RequestPriority.$current.withValue(priority) { try await bench.get() }
            }
            #expect(server.calls.map { $0.header("apus-priority") } == ["sheddable", "background", nil, "critical"])
        }
    }

    @Test func `the problem that the service answered is thrown with its status`() async throws {
        let server = try await StubServer.start("one") { call in
            switch call.path {
            case "/problem":
                .problem(409, #","type":"urn:apus:problem:out-of-stock","left":3"#, headers: [("Retry-After", "7")])
            case "/lies": .problem(404, #","status":200"#)
            case "/bare": .answer(404, body: "no such page")
            default: .answer(302, headers: [("location", "/elsewhere")])
            }
        }
        try await ClientBench.run([server]) { bench in
            let error = await #expect(throws: Problem.self) { try await bench.get("/problem") }
            let problem = try #require(error)
            #expect(problem.status == 409 && problem.slug == "out-of-stock")
            #expect(problem.extensions["left"] == 3)
            #expect(problem.retryAfter == .seconds(7))
            let bare = await #expect(throws: Problem.self) { try await bench.get("/bare") }
            #expect(bare?.title == "Not Found")
            let lies = await #expect(throws: Problem.self) { try await bench.get("/lies") }
            #expect(lies?.status == 404)
            // Nobody is sent elsewhere behind the caller's back.
            #expect(try await bench.client.send(ServiceRequest("GET", "/moved"), to: "api").status == 302)
        }
    }

    @Test func `an answer that is too long or not JSON is 502`() async throws {
        let server = try await StubServer.start("one") { call in
            .json(call.path == "/long" ? #""\#(String(repeating: "x", count: 2000))""# : "<html>")
        }
        try await ClientBench.run([server], changing: { $0.maxResponseBytes = 1000 }) { bench in
            let long = await #expect(throws: Problem.self) { try await bench.get("/long") }
            #expect(long?.status == 502 && long?.detail?.contains("1000 bytes") == true)
            let page = await #expect(throws: Problem.self) { try await bench.get("/page") }
            #expect(page?.status == 502)
            #expect(server.calls.count == 2)
        }
    }

    @Test func `without an instance it is 503, and says why`() async throws {
        try await ClientBench.run { bench in
            let error = await #expect(throws: Problem.self) { try await bench.get() }
            let problem = try #require(error)
            #expect(problem.status == 503 && problem.extensions["policy"] == "discovery")
            #expect(problem.retryAfter != nil)
        }
    }

    @Test func `an instance that does not answer in time is 504`() async throws {
        let server = try await StubServer.start("one") { _ in .silence }
        try await ClientBench.run([server]) { bench in
            let error = await #expect(throws: Problem.self) {
                try await bench.send("GET", timeout: .milliseconds(50))
            }
            let problem = try #require(error)
            #expect(problem.status == 504 && problem.extensions["policy"] == "deadline")
            try await eventually { server.openConnections == 0 }
        }
    }

    @Test func `cancelling the caller cancels the call`() async throws {
        let server = try await StubServer.start("one") { _ in .silence }
        try await ClientBench.run([server]) { bench in
            let call = Task { try await bench.get() }
            try await eventually { server.calls.count == 1 }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            try await eventually { server.openConnections == 0 }
            #expect(server.calls.count == 1)
        }
    }

    @Test func `what cannot be sent is the caller's error, not the instance's`() async throws {
        let server = try await StubServer.start("one") { _ in .json(#"{"name":"mug"}"#) }
        let requests = [
            ServiceRequest("GET", "thing"), ServiceRequest("GET", "/a b"), ServiceRequest("GET", "/\r\nx: y"),
            ServiceRequest("GET /x HTTP/1.1\r\n", "/thing"), ServiceRequest("", "/thing"),
            ServiceRequest("GET", "/thing", headers: [("x", "1\r\ny: 2")]),
            ServiceRequest("GET", "/thing", headers: [("x y", "1")]),
            ServiceRequest("POST", "/thing", idempotencyKey: "a\u{0}b"),
        ]
        try await ClientBench.run([server], changing: { $0.breaker = CircuitBreaker.Configuration(minimumCalls: 1) }) {
            bench in
            for request in requests {
                let error = await #expect(throws: Problem.self) { try await bench.client.send(request, to: "api") }
                #expect(error?.status == 400, "\(request)")
            }
            #expect(server.calls.isEmpty)
            let thing = try await bench.get()
            #expect(thing.name == "mug")
        }
    }

    @Test func `what users write cannot leave its segment of a path`() {
        #expect(ServiceRequest.pathSegment("a/b?c#d e%") == "a%2Fb%3Fc%23d%20e%25")
        #expect(ServiceRequest.pathSegment("..") == "%2E%2E" && ServiceRequest.pathSegment(".") == "%2E")
        #expect(ServiceRequest.pathSegment("é-._~0") == "%C3%A9-._~0")
    }
}
