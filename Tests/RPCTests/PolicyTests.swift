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
}
