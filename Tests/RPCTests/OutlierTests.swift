import ApusCoordination
import ApusPrimitives
import ApusRPC
import ApusResilience
import TestSupport
import Testing

/// Instances that do worse than the others, and what second attempts cost.
@Suite struct OutlierTests {
    private static func trusting(_ settings: inout ServiceClientSettings) {
        settings.breaker = .init(minimumCalls: 1_000_000)
        settings.policy.retryBudget = .init(floorPerSecond: 1_000)
    }

    @Test func `an instance that fails five times in a row is left out, and comes back slowly`() async throws {
        let time = ManualTime()
        let isWell = Locked(false)
        let first = try await StubServer.start("first") { _ in isWell.withLock { $0 } ? .json("{}") : .problem(500) }
        let second = try await StubServer.start("second") { _ in .json("{}") }
        try await ClientBench.run([first, second], time: time.source, changing: Self.trusting) { bench in
            for _ in 0..<60 { _ = try await bench.send("GET") }
            #expect(first.calls.count == 5)
            time.advance(by: .seconds(1))
            while first.calls.count == 5 { _ = try await bench.send("GET") }
            for _ in 0..<40 { _ = try await bench.send("GET") }
            #expect(first.calls.count == 6, "one probe, which failed")
            isWell.withLock { $0 = true }
            time.advance(by: .seconds(2))
            while first.calls.count == 6 { _ = try await bench.send("GET") }
            for _ in 0..<200 { _ = try await bench.send("GET") }
            let begun = first.calls.count - 7
            #expect(begun < 40, "a tenth of its half is ten")
            time.advance(by: .seconds(10))
            for _ in 0..<200 { _ = try await bench.send("GET") }
            #expect(first.calls.count - 7 - begun > 60, "its half again")
        }
    }

    @Test func `answers leave out no more than the share`() async throws {
        var servers: [StubServer] = []
        for id in ["one", "two", "three", "four"] {
            servers.append(try await StubServer.start(id) { _ in .problem(500) })
        }
        try await ClientBench.run(
            servers, time: ManualTime().source,
            changing: {
                Self.trusting(&$0)
                $0.outliers = .init(maxEjectedShare: 0.25)
            }
        ) { bench in
            for _ in 0..<120 { _ = try await bench.send("GET") }
            #expect(servers.count { $0.calls.count == 5 } == 1)
            #expect(servers.count { $0.calls.count > 20 } == 3)
        }
    }

    @Test func `in an outage the budget bounds the load, and says so`() async throws {
        let servers = [
            try await StubServer.start("one") { _ in .hangUp }, try await StubServer.start("two") { _ in .hangUp },
        ]
        try await ClientBench.run(
            servers, time: ManualTime().source,
            changing: {
                Self.trusting(&$0)
                $0.outliers = .init(consecutiveFailures: 1_000_000)
                $0.policy.retryBudget = .init(share: 0.1, floorPerSecond: 0)
                $0.policy.retry = RetryPolicy(maxAttempts: 2, baseDelay: .zero)
            }
        ) { bench in
            var explained = 0
            for _ in 0..<100 {
                let error = await #expect(throws: Problem.self) { try await bench.send("GET") }
                #expect(error?.status == 502)
                if error?.extensions["policy"] == "retry-budget" { explained += 1 }
            }
            #expect(servers.reduce(0) { $0 + $1.calls.count } == 110)
            #expect(explained == 90)
        }
    }
}
