import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

/// What the policy's own parts say to one call of a hedge, and what that means for the others.
@Suite struct ResiliencePolicyHedgeTests {
    private let hedge = Hedge.Configuration(delay: .fixed(.milliseconds(100)), budget: 1)

    /// Half-open, with a place for one probe.
    private func probing(_ more: ResiliencePolicy.Configuration = .init()) async throws -> PolicyBench {
        var configuration = more
        configuration.hedge = hedge
        configuration.breaker = .init(minimumCalls: 1, openFor: .seconds(1), halfOpenProbes: 1)
        let bench = PolicyBench(configuration)
        await #expect(throws: PolicyBench.Refused.self) {
            try await bench.policy.run { _ in throw PolicyBench.Refused() }
        }
        bench.time.advance(by: .seconds(1))
        #expect(bench.policy.snapshot().breaker == .halfOpen)
        _ = bench.told()
        return bench
    }

    @Test func aRefusedExtraCallLeavesTheFirstAlone() async throws {
        let bench = try await probing()
        let winner = try await bench.run { [policy = bench.policy, source = bench.time.source] in
            try await policy.run(.safe, outcome: { $0 is PolicyBench.Refused ? .failure : .success }) { attempt in
                try await source.sleep(for: .seconds(20))
                return attempt.hedge
            }
        }
        #expect(winner == 1)
        #expect(
            bench.told() == [
                "admitted", "breaker open → halfOpen", "call 2", "rejected by breaker: circuit-open",
                "breaker halfOpen → closed", "succeeded after 1",
            ])
    }

    @Test func whatFailedIsToldAndNotWhatWasRefused() async throws {
        let bench = try await probing()
        await #expect(throws: PolicyBench.Refused.self) {
            try await bench.run { [policy = bench.policy, source = bench.time.source] in
                try await policy.run(.safe) { _ in
                    try await source.sleep(for: .seconds(20))
                    throw PolicyBench.Refused()
                }
            }
        }
        #expect(bench.told().contains("rejected by breaker: circuit-open"))
    }

    @Test func aCallThatTimedOutLeavesTheOtherAlone() async throws {
        let bench = PolicyBench(.init(hedge: hedge, attemptTimeout: .seconds(1)))
        let winner = try await bench.run { [policy = bench.policy, source = bench.time.source] in
            try await policy.run(.safe, outcome: { $0 is PolicyBench.Refused ? .failure : .success }) { attempt in
                try await source.sleep(for: attempt.hedge == 1 ? .seconds(20) : .milliseconds(950))
                return attempt.hedge
            }
        }
        #expect(winner == 2)
        #expect(bench.told() == ["admitted", "call 2", "attempt 1 timed out", "succeeded after 1"])
    }

    @Test func aCallThatSaysNothingLeavesTheOtherAlone() async throws {
        let bench = PolicyBench(.init(hedge: hedge))
        let winner = try await bench.run { [policy = bench.policy, source = bench.time.source] in
            try await policy.run(.safe, outcome: { _ in .ignored }) { attempt in
                if attempt.hedge == 2 { throw PolicyBench.Refused() }
                try await source.sleep(for: .seconds(20))
                return attempt.hedge
            }
        }
        #expect(winner == 1)
    }

    @Test func hedgedAttemptsThatTimeOutLowerTheLimit() async throws {
        let bench = PolicyBench(
            .init(
                loadShedding: .init(initialLimit: 40, sampleWindow: .milliseconds(1), minimumSamples: 5), hedge: hedge,
                attemptTimeout: .seconds(1)))
        for _ in 0..<5 {
            let error = try await #require(throws: ResilienceError.self) {
                try await bench.run { [policy = bench.policy, source = bench.time.source] in
                    try await policy.run(.safe) { _ in try await source.sleep(for: .seconds(20)) }
                }
            }
            #expect(error.code == .attemptTimedOut)
        }
        #expect(try #require(bench.policy.snapshot().limit) < 40)
    }
}
