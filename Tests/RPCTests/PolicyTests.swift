import ApusPrimitives
import ApusResilience
import Logging
import TestSupport
import Testing

@testable import ApusRPC

/// The policy that the calls of a service go through.
@Suite struct PolicyTests {
    @Test func `a service has a policy of its own, and those beyond the bound share one`() {
        var policies = ClientPolicies(ServiceClientSettings().policy)
        func name(_ service: String) -> String {
            policies.policy(of: service, on: ManualTime().source, Logger(label: "test")).name
        }
        for number in 0..<ClientPolicies.maxServices { #expect(name("s\(number)") == "s\(number) client") }
        #expect(name("one too many") == "other clients" && name("s0") == "s0 client")
        #expect(policies.update(.off).count == ClientPolicies.maxServices + 1)
    }

    @Test func `what the policy refuses is a 503 that says why and when`() async throws {
        let server = try await StubServer.start("one") { _ in .json(#"{"name":"mug"}"#) }
        try await ClientBench.run(
            [server], time: ManualTime().source,
            changing: { $0.policy.rateLimit = .init(permits: 2, per: .seconds(60)) }
        ) { bench in
            for _ in 0..<2 { _ = try await bench.get() }
            let error = await #expect(throws: Problem.self) { try await bench.send("GET") }
            #expect(error?.status == 503 && error?.extensions["policy"] == "rate-limited")
            #expect(error?.retryAfter != nil)
            #expect(server.calls.count == 2)
        }
    }

    @Test func `the policy is replaced while it is in use`() async throws {
        let server = try await StubServer.start("one") { _ in .json(#"{"name":"mug"}"#) }
        try await ClientBench.run([server], time: ManualTime().source) { bench in
            _ = try await bench.get()
            var policy = ServiceClientSettings().policy
            policy.rateLimit = .init(permits: 1, per: .seconds(60))
            bench.client.update(policy)
            _ = try await bench.get()
            await #expect(throws: Problem.self) { try await bench.send("GET") }
            bench.client.update(.off)
            _ = try await bench.get()
        }
    }

    @Test func `an attempt that times out is made again elsewhere if it may be, and else is a 504`() async throws {
        func impatient(_ settings: inout ServiceClientSettings) {
            settings.policy.attemptTimeout = .milliseconds(50)
            settings.outliers = OutlierConfiguration(consecutiveFailures: 1_000_000)
            settings.breaker = .init(minimumCalls: 1_000)
        }
        let silent = try await StubServer.start("silent") { _ in .silence }
        let good = try await StubServer.start("good") { _ in .json("{}") }
        try await ClientBench.run([silent, good], changing: impatient) { bench in
            for _ in 0..<10 {
                let answer = try await bench.send("GET")
                #expect(answer.status == 200)
            }
            #expect(silent.calls.count > 0)
        }
        // The breaker of the only other instance is open: then the silent one is asked again.
        let mute = try await StubServer.start("mute") { _ in .silence }
        let broken = try await StubServer.start("broken") { _ in .problem(500) }
        try await ClientBench.run([mute, broken]) {
            impatient(&$0)
            $0.breaker = .init(minimumCalls: 1, openFor: .seconds(60))
            $0.policy.retry = RetryPolicy(baseDelay: .milliseconds(1))
        } _: { bench in
            while broken.calls.isEmpty { _ = try? await bench.send("GET") }
            let before = mute.calls.count
            let error = await #expect(throws: Problem.self) { try await bench.send("GET") }
            #expect(error?.status == 504 && mute.calls.count == before + 3)
        }
        let alone = try await StubServer.start("alone") { _ in .silence }
        try await ClientBench.run([alone], changing: impatient) { bench in
            let write = await #expect(throws: Problem.self) { try await bench.send("POST") }
            #expect(write?.status == 504, "it may have been carried out")
            #expect(alone.calls.count == 1)
            let read = await #expect(throws: Problem.self) { try await bench.send("GET") }
            #expect(read?.status == 504)
            #expect(alone.calls.count == 4)
        }
    }

    @Test func `the only instance is not asked again before it wants to be`() async throws {
        let busy = try await StubServer.start("busy") { _ in .problem(503, headers: [("retry-after", "3600")]) }
        try await ClientBench.run([busy]) { bench in
            let answer = try await bench.send("GET")
            #expect(answer.status == 503)
            #expect(busy.calls.count == 1)
        }
        let good = try await StubServer.start("good") { _ in .json("{}") }
        let full = try await StubServer.start("full") { _ in .problem(503, headers: [("retry-after", "3600")]) }
        try await ClientBench.run([full, good]) { bench in
            for _ in 0..<10 {
                let answer = try await bench.send("GET")
                #expect(answer.status == 200)
            }
        }
    }
}
