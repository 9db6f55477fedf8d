import ApusCoordination
import ApusObservability
import ApusPrimitives
import ApusResilience
import NIOCore
import TestSupport
import Testing

@testable import ApusGateway

/// What becomes of a request whose instance fails, and of the instance.
@Suite struct RecoveryTests {
    private func post(_ path: String = "/api", headers: String = "") -> String {
        "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\(headers)\r\nabc"
    }

    private func isCounted(_ metric: String, in harness: Harness) -> Bool {
        harness.metrics.exposition().split(separator: "\n").contains { $0.hasPrefix(metric) && !$0.hasSuffix(" 0") }
    }

    @Test func anEjectedInstanceIsLeftOut() async throws {
        let bad = try await ScriptedServer.start(id: "bad") { _ in .hangUp }
        let good = try await ScriptedServer.start(id: "good") { _ in .ok("x") }
        try await Harness.run(
            servers: [bad, good],
            changing: {
                $0.ejection = OutlierConfiguration(
                    consecutiveFailures: 3, baseEjection: .seconds(3600), maxEjection: .seconds(3600))
            }
        ) { harness in
            while !isCounted("apus_gateway_ejections_total", in: harness) {
                let response = try await harness.get("/api")
                #expect(response.status == 200)
            }
            let before = bad.requests.count
            #expect(before == 3)
            // Not safe to repeat: each would show that it had gone to the wrong one.
            for _ in 0..<50 { #expect(try await harness.ask(post()).status == 200) }
            #expect(bad.requests.count == before)
        }
    }

    @Test func anEjectedInstanceReturns() async throws {
        let isBroken = Locked(true)
        let first = try await ScriptedServer.start(id: "first") { _ in
            isBroken.withLock { $0 } ? .status(500) : .ok("back")
        }
        let second = try await ScriptedServer.start(id: "second") { _ in .ok("x") }
        try await Harness.run(
            servers: [first, second],
            changing: {
                $0.ejection = OutlierConfiguration(
                    consecutiveFailures: 2, baseEjection: .milliseconds(50), slowStart: .milliseconds(50))
            }
        ) { harness in
            while !isCounted("apus_gateway_ejections_total", in: harness) { _ = try await harness.get("/api") }
            isBroken.withLock { $0 = false }
            try await eventually { try await harness.get("/api").bodyText == "back" }
            let before = first.requests.count
            try await eventually {
                let response = try await harness.get("/api")
                #expect(response.status == 200)
                return first.requests.count > before + 20
            }
        }
    }

    /// Both instances are broken: the load on them is that of the clients and a tenth more, not three times as much.
    @Test(arguments: [true, false]) func theBudgetBoundsWhatAnOutageCosts(isAnswer: Bool) async throws {
        let servers = [
            try await ScriptedServer.start(id: "one") { _ in isAnswer ? .status(503) : .hangUp },
            try await ScriptedServer.start(id: "two") { _ in isAnswer ? .status(503) : .hangUp },
        ]
        try await Harness.run(
            servers: servers,
            changing: {
                $0.ejection = OutlierConfiguration(consecutiveFailures: 1_000_000)
                $0.retryBudget = RetryBudget.Configuration(share: 0.1, floorPerSecond: 0, window: .seconds(3_600))
            }
        ) { harness in
            var explained = 0
            for _ in 0..<100 {
                let response = try await harness.get("/api")
                #expect(response.status == (isAnswer ? 503 : 502))
                if response.bodyText.contains("retry-budget"), response.bodyText.contains(" of ") { explained += 1 }
            }
            let attempts = servers.reduce(0) { $0 + $1.requests.count }
            #expect(attempts == 110, "\(attempts)")
            // What an instance answers is passed on as it is; where there is no answer, the budget says so.
            #expect(isAnswer ? explained == 0 : explained >= 85, "\(explained)")
            #expect(isCounted("apus_gateway_retries_refused_total", in: harness))
        }
    }

    @Test(arguments: ["HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Le"])
    func anInstanceThatDiesBeforeItsAnswerIsPassedOverWhenThatIsSafe(answer: String) async throws {
        let dying = try await EarlyServer.start(answer, closes: true)
        let good = try await ScriptedServer.start(id: "good") { .ok($0.path) }
        try await Harness.run(changing: { $0.ejection = OutlierConfiguration(consecutiveFailures: 1_000_000) }) {
            harness in
            harness.set([
                ServiceInstance(service: "api", id: "dying", host: "127.0.0.1", port: dying.port),
                good.instance(of: "api"),
            ])
            for number in 0..<20 {
                #expect(try await harness.get("/api/\(number)").bodyText == "/api/\(number)")
            }
            #expect(isCounted("apus_gateway_retries_total", in: harness))
            var lost = 0
            for number in 0..<40 {
                let response = try await harness.ask(post("/api/post/\(number)"))
                #expect(response.status == 200 || response.status == 502)
                if response.status == 502 {
                    lost += 1
                    #expect(!good.requests.contains { $0.path == "/api/post/\(number)" })
                }
            }
            #expect(lost > 0)
            try await harness.expectQuiet()
        }
        await dying.stop()
    }

    @Test func whenTheOnlyInstanceDiesItIsNotSaidThatNobodySawTheRequest() async throws {
        let server = try await ScriptedServer.start { _ in .hangUp }
        try await Harness.run(servers: [server]) { harness in
            let response = try await harness.ask(post(headers: "Idempotency-Key: k\r\n"))
            #expect(response.status == 502)
            #expect(response.isProblem)
            #expect(server.requests.count == 1)
            #expect(!isCounted("apus_gateway_retries_total", in: harness))
        }
    }

    @Test func aPostOnAConnectionThatTheServiceClosesIsSentOnce() async throws {
        let server = try await ScriptedServer.start { $0.number == 0 ? .ok("x") : .hangUp }
        try await Harness.run(servers: [server], changing: { $0.unsafeReuseLimit = .seconds(3600) }) { harness in
            #expect(try await harness.get("/api").status == 200)
            let response = try await harness.ask(post())
            #expect(response.status == 502)
            #expect(response.isProblem)
            #expect(server.requests.count { $0.method == "POST" } == 1)
            try await harness.expectQuiet()
        }
    }

    @Test func whatMustNotBeRepeatedIsNotSentOnAnOldConnection() async throws {
        let server = try await ScriptedServer.start { _ in .ok("x") }
        try await Harness.run(servers: [server], changing: { $0.unsafeReuseLimit = .zero }) { harness in
            for _ in 0..<5 { #expect(try await harness.ask(post()).status == 200) }
            #expect(server.accepted == 5)
            for _ in 0..<5 { #expect(try await harness.ask(post(headers: "Idempotency-Key: k\r\n")).status == 200) }
            #expect(server.accepted == 5, "what may be repeated takes them")
            try await harness.expectQuiet()
        }
    }

    @Test func anAttemptKeepsItsTraceAndHasLessTime() async throws {
        let bad = try await ScriptedServer.start(id: "bad") { _ in .hangUp }
        let good = try await ScriptedServer.start(id: "good") { _ in .ok("x") }
        try await Harness.run(
            servers: [bad, good], changing: { $0.ejection = OutlierConfiguration(consecutiveFailures: 1_000_000) }
        ) { harness in
            for number in 0..<20 { #expect(try await harness.get("/api/\(number)").status == 200) }
            #expect(!bad.requests.isEmpty)
            for failed in bad.requests {
                let repeated = try #require(good.requests.first { $0.path == failed.path })
                #expect(failed.all("traceparent").count == 1)
                #expect(failed.header("traceparent") == repeated.header("traceparent"))
                let times = [failed, repeated].map { Int($0.header("apus-timeout-ms") ?? "") ?? 0 }
                #expect(times[1] > 0 && times[1] <= times[0])
            }
            #expect(Set(good.requests.map { $0.header("traceparent") }).count == 20, "a trace for each request")
        }
    }

    @Test func aNewWeightDoesNotCostConnections() async throws {
        let server = try await ScriptedServer.start { _ in .ok("x") }
        try await Harness.run(servers: [server]) { harness in
            #expect(try await harness.get("/api").status == 200)
            var changed = server.instance(of: "api", weight: 7)
            changed.metadata = ["version": "2"]
            harness.set([changed, ServiceInstance(service: "api", id: "other", host: "127.0.0.1", port: 1, weight: 0)])
            // The second instance shows that the list has been read again.
            try await eventually {
                let response = try await harness.get("/api")
                #expect(response.status == 200)
                return await harness.gateway.snapshot().instances == 2
            }
            #expect(server.accepted == 1)
        }
    }
}
