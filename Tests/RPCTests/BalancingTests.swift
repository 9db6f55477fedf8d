import ApusCoordination
import ApusPrimitives
import ApusRPC
import ApusResilience
import TestSupport
import Testing

/// Which instance a call goes to, and which calls are repeated on another.
@Suite struct BalancingTests {
    private static let good = StubReply.json(#"{"name":"mug"}"#)

    /// No instance is left out.
    private static func trusting(_ settings: inout ServiceClientSettings) {
        settings.breaker = .init(minimumCalls: 1000)
        settings.outliers = .init(consecutiveFailures: 1_000_000)
    }

    private static func start(_ ids: [String], _ reply: StubReply = good) async throws -> [StubServer] {
        var servers: [StubServer] = []
        for id in ids { servers.append(try await StubServer.start(id) { _ in reply }) }
        return servers
    }

    @Test func `calls are spread over the instances, and none goes to a weight of zero`() async throws {
        let servers = try await Self.start(["one", "two", "three"])
        let drained = try await StubServer.start("four") { _ in Self.good }
        try await ClientBench.run(servers, others: [drained.instance(weight: 0)]) { bench in
            for _ in 0..<90 { _ = try await bench.get() }
            for server in servers { #expect(server.calls.count >= 5) }
            #expect(drained.calls.isEmpty)
        }
        await drained.close()
    }

    @Test func `a busy instance gets nothing while another is free`() async throws {
        let busy = try await StubServer.start("busy") { _ in .silence }
        let free = try await StubServer.start("free") { _ in Self.good }
        try await ClientBench.run([busy, free]) { bench in
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await eventually {
                    let before = (busy.calls.count, free.calls.count)
                    group.addTask { _ = try await bench.get() }
                    try await eventually { (busy.calls.count, free.calls.count) != before }
                    return busy.calls.count == 1
                }
                for _ in 0..<30 { _ = try await bench.get() }
                #expect(busy.calls.count == 1)
                group.cancelAll()
                while await group.nextResult() != nil {}
            }
        }
    }

    @Test(arguments: ["GET", "POST"])
    func `a refused connection goes to the next instance, whatever the method`(method: String) async throws {
        let server = try await StubServer.start("alive") { _ in Self.good }
        let dead = try await StubServer.refusing("dead")
        try await ClientBench.run([server], others: [dead]) { bench in
            for _ in 0..<12 {
                let answer = try await bench.send(method)
                #expect(answer.status == 200)
            }
            #expect(server.calls.count == 12)
        }
    }

    /// Once the instance has the request, it may have acted on it.
    @Test(arguments: [("GET", nil, 3), ("PUT", nil, 3), ("POST", "k1", 3), ("POST", nil, 1), ("PATCH", nil, 1)])
    func `a broken connection is repeated only when that is safe`(method: String, key: String?, times: Int) async throws
    {
        let servers = try await Self.start(["one", "two"], .hangUp)
        try await ClientBench.run(servers, changing: { $0.policy.retry = RetryPolicy(baseDelay: .milliseconds(1)) }) {
            bench in
            let error = await #expect(throws: Problem.self) { try await bench.send(method, key: key) }
            #expect(error?.status == 502)
            let counts = servers.map(\.calls.count)
            #expect(counts.reduce(0, +) == times)
            // Each instance once, before any gets it again.
            if times == 3 { #expect(counts.sorted() == [1, 2]) }
        }
    }

    @Test func `a 503 is tried elsewhere only when that is safe`() async throws {
        let full = try await StubServer.start("full") { _ in .problem(503, headers: [("Retry-After", "1")]) }
        let free = try await StubServer.start("free") { _ in Self.good }
        try await ClientBench.run([full, free], changing: Self.trusting) { bench in
            for _ in 0..<20 { #expect(try await bench.send("GET").status == 200) }
            #expect(!full.calls.isEmpty)
            let before = full.calls.count + free.calls.count
            var statuses: Set<Int> = []
            for _ in 0..<40 { statuses.insert(try await bench.send("POST").status) }
            #expect(statuses == [200, 503])
            #expect(full.calls.count + free.calls.count == before + 40)
        }
    }

    /// The mark of the host that refused counts. The problem alone may come from a service further in, when the one that
    /// passes it on has long begun.
    @Test func `a request that was certainly not begun may be repeated, a mere claim does not count`() async throws {
        let policy = #","policy":"concurrency-limit""#
        let full = try await StubServer.start("full") { _ in
            .problem(503, policy, headers: [(ServiceResponse.unprocessedHeader, "1")])
        }
        let free = try await StubServer.start("free") { _ in Self.good }
        try await ClientBench.run([full, free], changing: Self.trusting) { bench in
            for _ in 0..<20 {
                let answer = try await bench.send("POST")
                #expect(answer.status == 200)
            }
            #expect(!full.calls.isEmpty)
        }
        let relaying = try await Self.start(["one", "two"], .problem(503, policy))
        try await ClientBench.run(relaying) { bench in
            let answer = try await bench.send("POST")
            #expect(answer.status == 503)
            #expect(relaying.map(\.calls.count).reduce(0, +) == 1)
        }
    }

    /// Each level that repeats a call multiplies the load on the service that fails.
    @Test func `the failure of a service further in is passed on`() async throws {
        let header = (ServiceResponse.failedServiceHeader, "inventory")
        let servers = try await Self.start(
            ["one", "two"], .problem(503, #","service":"inventory""#, headers: [header]))
        try await ClientBench.run(servers) { bench in
            for _ in 0..<30 {
                let problem = try await #require(throws: Problem.self) {
                    try await bench.client.get("api", "/", as: NoContent.self)
                }
                #expect(problem.status == 503 && problem.failedService == "inventory")
                #expect(problem.headers[header.0] == "inventory")
            }
            #expect(servers.map(\.calls.count).reduce(0, +) == 30)
        }
    }

    @Test func `a problem says which service failed`() async throws {
        let servers = try await Self.start(["one"], .problem(500))
        try await ClientBench.run(servers) { bench in
            let problem = try await #require(throws: Problem.self) {
                try await bench.client.get("api", "/", as: NoContent.self)
            }
            #expect(problem.failedService == "api" && problem.headers[ServiceResponse.failedServiceHeader] == "api")
            await servers[0].close()
            let gone = try await #require(throws: Problem.self) {
                try await bench.client.get("api", "/", as: NoContent.self)
            }
            #expect(gone.failedService == "api")
            #expect(gone.headers[ServiceResponse.failedServiceHeader] == nil, "it may be this side that is cut off")
        }
    }

    @Test(arguments: [500, 502, 504])
    func `an answer that another instance would not better is passed on`(status: Int) async throws {
        let servers = try await Self.start(["one", "two"], .problem(status))
        try await ClientBench.run(servers) { bench in
            let answer = try await bench.send("GET")
            #expect(answer.status == status)
            #expect(servers.map(\.calls.count).reduce(0, +) == 1)
        }
    }
}
