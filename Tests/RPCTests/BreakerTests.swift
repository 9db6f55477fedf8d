import ApusCoordination
import ApusPrimitives
import ApusRPC
import ApusResilience
import TestSupport
import Testing

/// Each instance has a breaker of its own.
@Suite struct BreakerTests {
    private static func sensitive(_ settings: inout ServiceClientSettings) {
        settings.breaker = .init(minimumCalls: 4, openFor: .seconds(5), halfOpenProbes: 1)
    }

    @Test func `an instance that fails is left out, the others go on`() async throws {
        let bad = try await StubServer.start("bad") { _ in .problem(500) }
        let good = try await StubServer.start("good") { _ in .json("{}") }
        try await ClientBench.run([bad, good], time: ManualTime().source, changing: Self.sensitive) { bench in
            for _ in 0..<60 { _ = try await bench.send("GET") }
            #expect(bad.calls.count == 4)
            #expect(good.calls.count == 56)
        }
    }

    @Test func `with all of them open it is 503 and says when, and after that one call finds out`() async throws {
        let time = ManualTime()
        let isWell = Locked(false)
        let server = try await StubServer.start("one") { _ in
            isWell.withLock { $0 } ? .json("{}") : .problem(500)
        }
        try await ClientBench.run([server], time: time.source, changing: Self.sensitive) { bench in
            for _ in 0..<4 { #expect(try await bench.send("GET").status == 500) }
            let error = await #expect(throws: Problem.self) { try await bench.send("GET") }
            let problem = try #require(error)
            #expect(problem.status == 503 && problem.extensions["policy"] == "circuit-breaker")
            #expect(problem.retryAfter == .seconds(5))
            #expect(server.calls.count == 4)
            isWell.withLock { $0 = true }
            time.advance(by: .seconds(5))
            for _ in 0..<5 { #expect(try await bench.send("GET").status == 200) }
        }
    }

    @Test func `what the caller did wrong does not open it`() async throws {
        let server = try await StubServer.start("one") { _ in .problem(404) }
        try await ClientBench.run([server], changing: Self.sensitive) { bench in
            for _ in 0..<20 {
                let answer = try await bench.send("GET")
                #expect(answer.status == 404)
            }
        }
    }

    /// Else one slow service would open the breakers of all that are called after it.
    @Test func `a deadline counts against an instance only when it had a fair chance`() async throws {
        let time = ManualTime()
        let server = try await StubServer.start("one") { _ in .silence }
        try await ClientBench.run(
            [server], time: time.source,
            changing: {
                Self.sensitive(&$0)
                $0.blameAfter = .milliseconds(500)
            }
        ) { bench in
            func passDeadline(of milliseconds: Int) async throws -> Int? {
                let before = server.calls.count
                let call = Task { try await bench.send("GET", timeout: .milliseconds(milliseconds)) }
                try await eventually { server.calls.count == before + 1 }
                time.advance(by: .milliseconds(milliseconds))
                let problem = await #expect(throws: Problem.self) { try await call.value }
                return problem?.status
            }
            for length in Array(repeating: 499, count: 8) + Array(repeating: 500, count: 4) {
                let status = try await passDeadline(of: length)
                #expect(status == 504)
            }
            let error = await #expect(throws: Problem.self) { try await bench.send("GET") }
            #expect(error?.extensions["policy"] == "circuit-breaker")
        }
    }

    /// The instance often sees the caller's deadline pass before the caller does.
    @Test func `an instance that gave up for a hurried caller is not to blame`() async throws {
        let server = try await StubServer.start("one") { _ in .problem(504) }
        try await ClientBench.run([server], time: ManualTime().source, changing: Self.sensitive) { bench in
            for _ in 0..<20 {
                let answer = try await bench.send("GET", timeout: .milliseconds(100))
                #expect(answer.status == 504)
            }
        }
    }

    @Test func `an instance that lets nobody in does not open its breaker`() async throws {
        let server = try await StubServer.start("one") { _ in
            .problem(503, headers: [(ServiceResponse.unprocessedHeader, "1")])
        }
        func sensitive(_ settings: inout ServiceClientSettings) {
            Self.sensitive(&settings)
            settings.policy.retry = nil
        }
        try await ClientBench.run([server], time: ManualTime().source, changing: sensitive) { bench in
            for _ in 0..<20 {
                let answer = try await bench.send("GET")
                #expect(answer.status == 503)
            }
        }
    }

    @Test(arguments: [500, 503]) func `an instance that passes on a failure is not to blame`(status: Int) async throws {
        let server = try await StubServer.start("one") { _ in
            .problem(status, headers: [(ServiceResponse.failedServiceHeader, "inventory")])
        }
        try await ClientBench.run([server], time: ManualTime().source, changing: Self.sensitive) { bench in
            for _ in 0..<20 {
                let answer = try await bench.send("GET")
                #expect(answer.status == status)
            }
        }
    }
}
