import ApusPrimitives
import ApusResilience
import Foundation
import TestSupport
import Testing

/// The order of the parts, each part on and off, and settings that change while calls are under way.
@Suite struct ResiliencePolicyPartsTests {
    typealias Configuration = ResiliencePolicy.Configuration

    private let slow = RetryPolicy(maxAttempts: 2, baseDelay: .seconds(10))

    private func code(of body: () async throws -> Void) async throws -> String {
        try await #require(throws: ResilienceError.self) { try await body() }.code.rawValue
    }

    /// Nothing fits any more in any part: the outermost that is on refuses.
    @Test func theOrderIsTheDocumentedOne() async throws {
        var configuration = Configuration(
            rateLimit: .init(permits: 1, per: .seconds(3_600)),
            loadShedding: .init(initialLimit: 1, minimumLimit: 1, maximumLimit: 1),
            bulkhead: .init(maxConcurrent: 1, maxWaiting: 0), breaker: .init(minimumCalls: 1))
        let bench = PolicyBench(configuration)
        let policy = bench.policy
        let inside = Task { [source = bench.time.source] in
            try await policy.run { _ in try await source.sleep(for: .seconds(1_000)) }
        }
        try await bench.time.waitForSleepers()
        policy.force(.open)
        let passed = try await code {
            try await Deadline.$current.withValue(Deadline(expires: .zero)) { try await policy.run { _ in } }
        }
        #expect(passed == "deadline-exceeded")
        for (expected, off) in [
            ("rate-limited", \Configuration.rateLimit as AnyKeyPath), ("overloaded", \Configuration.loadShedding),
            ("bulkhead-full", \Configuration.bulkhead), ("circuit-open", \Configuration.breaker),
        ] {
            #expect(try await code { try await policy.run { _ in } } == expected)
            switch off {
            case \Configuration.rateLimit: configuration.rateLimit = nil
            case \Configuration.loadShedding: configuration.loadShedding = nil
            case \Configuration.bulkhead: configuration.bulkhead = nil
            default: configuration.breaker = nil
            }
            policy.update(configuration)
        }
        try await policy.run { _ in }
        inside.cancel()
        await #expect(throws: CancellationError.self) { try await inside.value }
        let counts = policy.snapshot().counts
        for part in [ResiliencePolicy.Part.deadline, .rateLimit, .loadShedding, .bulkhead, .breaker] {
            #expect(counts.rejected(by: part) == 1, "\(part)")
        }
        #expect(counts.underWay == 0)
    }

    @Test func aCallWaitsForItsTurnAndKeepsItsPlaceFromThenOn() async throws {
        let bench = PolicyBench(
            .init(rateLimit: .init(permits: 1, per: .seconds(1), maxWait: .seconds(1)), bulkhead: .init()))
        try await bench.policy.run { _ in }
        let second = Task { [policy = bench.policy] in try await policy.run { _ in policy.snapshot().inside } }
        try await bench.time.waitForSleepers()
        #expect(bench.policy.snapshot().inside == 0, "it waits outside of the bulkhead")
        bench.time.advance(by: .seconds(1))
        #expect(try await second.value == 1)
        #expect(bench.policy.snapshot().inside == 0)
    }

    @Test func aCallThatGoesAwayWhileItWaitsGivesItsTurnBack() async throws {
        let bench = PolicyBench(.init(rateLimit: .init(permits: 1, per: .seconds(1), maxWait: .seconds(1))))
        try await bench.policy.run { _ in }
        let waiting = Task { [policy = bench.policy] in try await policy.run { _ in } }
        try await bench.time.waitForSleepers()
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(bench.told().last == "abandoned")
        let next = Task { [policy = bench.policy] in try await policy.run { _ in } }
        try await bench.time.waitForSleepers()
        bench.time.advance(by: .seconds(1))
        try await next.value
        #expect(bench.policy.snapshot().counts.abandoned == 1)
    }

    @Test func aFullBulkheadMakesCallsWaitAndThePlaceIsHandedOn() async throws {
        let bench = PolicyBench(.init(bulkhead: .init(maxConcurrent: 1, maxWaiting: 1, maxWait: .seconds(60))))
        let policy = bench.policy
        let first = Task { [source = bench.time.source] in
            try await policy.run { _ in try await source.sleep(for: .seconds(1)) }
        }
        try await bench.time.waitForSleepers()
        let second = Task { try await policy.run { _ in 2 } }
        try await eventually { policy.snapshot().waiting == 1 }
        #expect(try await code { try await policy.run { _ in } } == "bulkhead-full")
        try await bench.time.waitForSleepers(2)
        bench.time.advance(by: .seconds(1))
        try await first.value
        #expect(try await second.value == 2)
        #expect(policy.snapshot().inside == 0 && policy.snapshot().waiting == 0)
    }

    @Test func aWaitForTheBulkheadEndsAtThePolicysDeadline() async throws {
        let bench = PolicyBench(
            .init(deadline: .seconds(1), bulkhead: .init(maxConcurrent: 1, maxWaiting: 1, maxWait: .seconds(60))))
        let policy = bench.policy
        let holder = Task { [source = bench.time.source] in
            try await Deadline.$current.withValue(nil) {
                try await policy.run { _ in try? await source.sleep(for: .milliseconds(999)) }
            }
        }
        try await bench.time.waitForSleepers(2)
        bench.time.advance(by: .milliseconds(10))
        let error = try await #require(throws: ResilienceError.self) {
            try await Deadline.$current.withValue(Deadline(after: .milliseconds(100), from: .zero)) {
                try await bench.run(step: .milliseconds(30)) { try await policy.run { _ in } }
            }
        }
        #expect(error.code.rawValue == "bulkhead-full", "\(error)")
        bench.time.advance(by: .seconds(1))
        _ = await holder.result
        #expect(policy.snapshot().inside == 0)
    }

    @Test func withoutBudgetThereIsNoSecondAttempt() async throws {
        let bench = PolicyBench(.init(retry: slow, retryBudget: .init(share: 0, floorPerSecond: 0)))
        let error = try await #require(throws: ResilienceError.self) {
            try await bench.policy.run(.safe) { _ in throw PolicyBench.Refused() }
        }
        #expect(error.code.rawValue == "retry-budget-exhausted" && error.cause is PolicyBench.Refused)
        #expect(bench.policy.snapshot().counts.retries == 0)
    }

    @Test func whatMustNotBeDoneTwiceIsNotTriedAgain() async throws {
        let bench = PolicyBench(.init(retry: slow))
        await #expect(throws: PolicyBench.Refused.self) {
            try await bench.policy.run { _ in throw PolicyBench.Refused() }
        }
        #expect(bench.told() == ["admitted", "failed after 1"])
    }

    @Test func aSlowCallIsHedgedWhenItMayBeDoneTwice() async throws {
        let hedge = Hedge.Configuration(delay: .fixed(.milliseconds(100)), budget: 1)
        let bench = PolicyBench(.init(hedge: hedge, breaker: .init(), attemptTimeout: .seconds(30)))
        let winner = try await bench.run { [policy = bench.policy, source = bench.time.source] in
            try await policy.run(.safe) { attempt in
                if attempt.hedge == 1 { try await source.sleep(for: .seconds(20)) }
                return attempt.hedge
            }
        }
        #expect(winner == 2)
        #expect(bench.told() == ["admitted", "call 2", "succeeded after 1"])
        #expect(bench.policy.snapshot().counts.hedges == 1)
    }

    @Test func theBreakerIsAskedByEachCallOfAHedge() async throws {
        let hedge = Hedge.Configuration(delay: .fixed(.zero), budget: 1)
        let bench = PolicyBench(.init(hedge: hedge, breaker: .init()))
        bench.policy.force(.open)
        #expect(try await code { try await bench.policy.run(.safe) { _ in } } == "circuit-open")
        #expect(bench.told().contains("rejected by breaker: circuit-open"))
    }

    @Test func theAdaptiveBreakerThrottles() async throws {
        let bench = PolicyBench(.init(adaptiveBreaker: .init(minimumCalls: 1)))
        var refusals = 0
        for _ in 0..<50 {
            do { try await bench.policy.run { _ in throw PolicyBench.Refused() } } catch let error as ResilienceError {
                #expect(error.code.rawValue == "throttled" && error.retryAfter != nil)
                refusals += 1
            } catch {}
        }
        #expect(refusals > 25)
        #expect(try #require(bench.policy.snapshot().throttled) > 0.9)
    }

    @Test func aFallbackAnswersAndIsCounted() async throws {
        let bench = PolicyBench(.init())
        let answer = try await bench.policy.run(fallback: { _ in "cached" }) { _ -> String in
            throw PolicyBench.Refused()
        }
        #expect(answer.value == "cached" && answer.reason is PolicyBench.Refused)
        let full = try await bench.policy.run(fallback: { _ in "cached" }) { _ in "fresh" }
        #expect(full.value == "fresh" && !full.isDegraded)
        let error = try await #require(throws: ResilienceError.self) {
            try await bench.policy.run(fallback: { _ in throw PolicyBench.Refused() }) { _ in
                throw PolicyBench.Refused()
            }
        }
        #expect(error.code.rawValue == "fallback-failed" && error.policy == "payment fallback")
        #expect(bench.policy.snapshot().counts.degraded == 1)
        #expect(bench.policy.snapshot().counts.rejected(by: .fallback) == 1)
    }

    @Test func aPartThatStaysOnKeepsWhatItKnows() async throws {
        let bench = PolicyBench(
            .init(rateLimit: .init(permits: 10, per: .seconds(3_600)), breaker: .init(minimumCalls: 5)))
        for _ in 0..<4 {
            await #expect(throws: PolicyBench.Refused.self) {
                try await bench.policy.run { _ in throw PolicyBench.Refused() }
            }
        }
        bench.policy.update(
            .init(rateLimit: .init(permits: 7, per: .seconds(3_600)), breaker: .init(minimumCalls: 4)))
        #expect(try #require(bench.policy.snapshot().permits) <= 6, "what was taken stays taken")
        await #expect(throws: PolicyBench.Refused.self) {
            try await bench.policy.run { _ in throw PolicyBench.Refused() }
        }
        #expect(bench.policy.snapshot().breaker != .closed, "five failures are in the window, four of them from before")
    }

    @Test func aPartThatIsSwitchedOffAndOnBeginsAnew() async throws {
        let bench = PolicyBench(.init(breaker: .init(minimumCalls: 1)))
        let policy = bench.policy
        let late = Task { [source = bench.time.source] in
            try await policy.run { _ in
                try await source.sleep(for: .seconds(1))
                throw PolicyBench.Refused()
            }
        }
        try await bench.time.waitForSleepers()
        policy.update(.off)
        policy.update(.init(breaker: .init(minimumCalls: 1)))
        bench.time.advance(by: .seconds(1))
        await #expect(throws: PolicyBench.Refused.self) { try await late.value }
        #expect(policy.snapshot().breaker == .closed, "what the old breaker let through says nothing to the new one")
    }

    @Test func callsUnderWayGiveBackWhatTheyTookFromAPartThatIsGone() async throws {
        let full = Configuration(
            loadShedding: .init(initialLimit: 5, minimumLimit: 5, maximumLimit: 5), bulkhead: .init(maxConcurrent: 5))
        let bench = PolicyBench(full)
        let policy = bench.policy
        let calls = (0..<4).map { _ in
            Task { [source = bench.time.source] in
                try await policy.run { _ in try await source.sleep(for: .seconds(1)) }
            }
        }
        try await bench.time.waitForSleepers(4)
        #expect(policy.snapshot().inside == 4 && policy.snapshot().inFlight == 4)
        policy.update(.off)
        policy.update(full)
        #expect(policy.snapshot().inside == 0 && policy.snapshot().inFlight == 0)
        bench.time.advance(by: .seconds(1))
        for call in calls { try await call.value }
        #expect(policy.snapshot().inside == 0 && policy.snapshot().inFlight == 0)
        #expect(policy.snapshot().counts.underWay == 0)
    }

    @Test func settingsAreReadFromJSONAndWrittenAgain() throws {
        let text = """
            {"deadlineMilliseconds": 2000, "rateLimit": {"permits": 5}, "retry": {"maxAttempts": 2}, "bulkhead": false,
             "hedge": true, "attemptTimeoutMilliseconds": false}
            """
        let read = try JSONDecoder().decode(Configuration.self, from: Data(text.utf8))
        #expect(read.deadline == .seconds(2) && read.rateLimit?.permits == 5 && read.retry?.maxAttempts == 2)
        #expect(read.retry?.baseDelay == .milliseconds(100) && read.retry?.jitter == .full, "as in the standard")
        #expect(read.bulkhead == nil && read.hedge == Hedge.Configuration() && read.attemptTimeout == nil)
        #expect(read.breaker == Configuration.standard.breaker)
        #expect(try JSONDecoder().decode(Configuration.self, from: JSONEncoder().encode(read)) == read)
        let off = try JSONDecoder().decode(Configuration.self, from: JSONEncoder().encode(Configuration.off))
        #expect(off == .off)
    }

    @Test(arguments: [
        (#"{"retries": {}}"#, "retries: not a setting"),
        (#"{"retry": {"maxAttempts": 0}}"#, "retry.maxAttempts: 0 is not"),
        (#"{"deadlineMilliseconds": 0}"#, "deadlineMilliseconds: 0 is not"),
        (#"{"rateLimit": true}"#, "rateLimit: true is"),
    ]) func settingsThatAreWrongAreNamed(text: String, expected: String) throws {
        let error = try #require(throws: DecodingError.self) {
            try JSONDecoder().decode(Configuration.self, from: Data(text.utf8))
        }
        #expect("\(error)".contains(expected))
    }

    @Test func newSettingsThatMoveTheLimitOrTheBreakerSaySo() async throws {
        let bench = PolicyBench(.init(loadShedding: .init(initialLimit: 50), breaker: .init(minimumCalls: 1)))
        await #expect(throws: PolicyBench.Refused.self) {
            try await bench.policy.run { _ in throw PolicyBench.Refused() }
        }
        _ = bench.told()
        bench.policy.update(.init(loadShedding: .init(initialLimit: 10, maximumLimit: 10)))
        #expect(bench.told() == ["reconfigured", "limit 10", "breaker open → closed"])
        bench.policy.update(.init(loadShedding: .init(initialLimit: 10, maximumLimit: 10), breaker: .init()))
        #expect(bench.told() == ["reconfigured"])
    }
}
