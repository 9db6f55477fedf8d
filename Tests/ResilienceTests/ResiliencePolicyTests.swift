import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

/// A policy on a clock moved by hand, and what it told.
struct PolicyBench {
    struct Refused: Error, Equatable {}

    let time = ManualTime()
    let policy: ResiliencePolicy
    private let events: Locked<[String]>

    init(_ configuration: ResiliencePolicy.Configuration) {
        let events = Locked<[String]>([])
        self.events = events
        policy = ResiliencePolicy("payment", configuration, on: time.source, seed: 1) { event in
            let line = Self.line(event)
            events.withLock { $0.append(line) }
        }
    }

    /// What was told since the last look.
    func told() -> [String] {
        events.withLock { lines in
            defer { lines = [] }
            return lines
        }
    }

    /// Moves the clock over each wait of `body` as soon as somebody sleeps, until `body` ends.
    func run<Value: Sendable>(
        step: Duration = .milliseconds(50), _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let work = Task { try await body() }
        let isOver = Locked(false)
        Task {
            _ = await work.result
            isOver.withLock { $0 = true }
        }
        try await eventually {
            if time.sleeperCount > 0 { time.advance(by: step) }
            return isOver.withLock { $0 }
        }
        return try await work.value
    }

    private static func line(_ event: PolicyEvent) -> String {
        switch event {
        case .admitted: "admitted"
        case .abandoned: "abandoned"
        case .hedged(let call): "call \(call)"
        case .limitChanged(let limit): "limit \(limit)"
        case .rejected(let part, let error): "rejected by \(part.rawValue): \(error.code.rawValue)"
        case .retrying(let attempt, let wait, _): "attempt \(attempt) after \(wait)"
        case .attemptTimedOut(let attempt): "attempt \(attempt) timed out"
        case .breakerChanged(let change): "breaker \(name(change.from)) → \(name(change.to))"
        case .degraded: "degraded"
        case .ended(let ending, let attempts, _): "\(ending.rawValue) after \(attempts)"
        case .reconfigured: "reconfigured"
        }
    }

    private static func name(_ state: CircuitBreaker.State) -> String {
        String("\(state)".prefix { $0 != "(" })
    }
}

@Suite struct ResiliencePolicyTests {
    private let patient = RetryPolicy(maxAttempts: 3, baseDelay: .milliseconds(100))

    @Test func aPolicyThatIsOffOnlyCalls() async throws {
        let bench = PolicyBench(.off)
        #expect(try await bench.policy.run { $0.number } == 1)
        await #expect(throws: PolicyBench.Refused.self) {
            try await bench.policy.run(.safe) { _ in throw PolicyBench.Refused() }
        }
        #expect(bench.told() == ["admitted", "succeeded after 1", "admitted", "failed after 1"])
    }

    @Test func theStandardHasEveryPartThatNeedsNoNumberOfItsOwn() async throws {
        let bench = PolicyBench(.standard)
        let seen = try await bench.policy.run { _ in Deadline.current }
        #expect(seen == Deadline(after: .seconds(4), from: .zero), "the attempt's, which is the earlier")
        let standard = ResiliencePolicy.Configuration.standard
        #expect(standard.deadline == .seconds(10) && standard.retry != nil && standard.breaker != nil)
    }

    @Test func aFailedAttemptIsTriedAgain() async throws {
        let bench = PolicyBench(.init(retry: patient))
        let number = try await bench.run { [policy = bench.policy] in
            try await policy.run(.safe) { attempt in
                if attempt.number < 3 { throw PolicyBench.Refused() }
                return attempt.number
            }
        }
        #expect(number == 3)
        #expect(
            bench.told() == [
                "admitted", "attempt 2 after 0.1 seconds", "attempt 3 after 0.2 seconds", "succeeded after 3",
            ])
        #expect(bench.policy.snapshot().counts.retries == 2)
    }

    @Test func retriesEnd() async throws {
        let bench = PolicyBench(.init(retry: patient))
        let error = try await #require(throws: ResilienceError.self) {
            try await bench.run { [policy = bench.policy] in
                try await policy.run(.safe) { _ in throw PolicyBench.Refused() }
            }
        }
        #expect(
            error.code == .retriesExhausted && error.policy == "payment retry" && error.cause is PolicyBench.Refused)
        #expect(bench.told().suffix(2) == ["rejected by retry: retries-exhausted", "failed after 3"])
    }

    @Test func whatTheClassificationStopsPassesUnchanged() async throws {
        let bench = PolicyBench(.init(retry: patient))
        await #expect(throws: PolicyBench.Refused.self) {
            try await bench.policy.run(classify: { _ in .stop }) { _ in throw PolicyBench.Refused() }
        }
        #expect(bench.told() == ["admitted", "failed after 1"])
    }

    @Test func theBreakerStandsInsideTheRetryAndItsRefusalIsNotRetried() async throws {
        let breaker = CircuitBreaker.Configuration(minimumCalls: 2)
        let bench = PolicyBench(.init(retry: patient, breaker: breaker))
        let error = try await #require(throws: ResilienceError.self) {
            try await bench.run { [policy = bench.policy] in
                try await policy.run(.safe) { _ in throw PolicyBench.Refused() }
            }
        }
        #expect(error.code == .circuitOpen && error.policy == "payment breaker" && error.cause is PolicyBench.Refused)
        #expect(
            bench.told() == [
                "admitted", "attempt 2 after 0.1 seconds", "breaker closed → open", "attempt 3 after 0.2 seconds",
                "rejected by breaker: circuit-open", "failed after 2",
            ])
        let next = try await #require(throws: ResilienceError.self) { try await bench.policy.run { _ in } }
        #expect(next.code == .circuitOpen && next.cause == nil)
        #expect(bench.told() == ["admitted", "rejected by breaker: circuit-open", "failed after 0"])
    }

    @Test(arguments: [CircuitBreaker.Outcome.success, .ignored])
    func anErrorThatIsNoFailureDoesNotOpenTheBreaker(outcome: CircuitBreaker.Outcome) async throws {
        let bench = PolicyBench(.init(breaker: CircuitBreaker.Configuration(minimumCalls: 1)))
        for _ in 0..<5 {
            await #expect(throws: PolicyBench.Refused.self) {
                try await bench.policy.run(outcome: { _ in outcome }) { _ in throw PolicyBench.Refused() }
            }
        }
        #expect(bench.policy.snapshot().breaker == .closed)
    }

    @Test func onlyAnAnswerClosesTheBreakerAgain() async throws {
        let bench = PolicyBench(.init(breaker: CircuitBreaker.Configuration(minimumCalls: 1, halfOpenProbes: 1)))
        func fail(_ outcome: CircuitBreaker.Outcome) async {
            await #expect(throws: PolicyBench.Refused.self) {
                try await bench.policy.run(outcome: { _ in outcome }) { _ in throw PolicyBench.Refused() }
            }
        }
        await fail(.failure)
        bench.time.advance(by: .seconds(5))
        await fail(.ignored)
        #expect(bench.policy.snapshot().breaker == .halfOpen)
        await fail(.success)
        #expect(bench.policy.snapshot().breaker == .closed)
    }

    @Test func theDeadlineIsOverEverything() async throws {
        let bench = PolicyBench(.init(deadline: .seconds(1), retry: patient))
        let error = try await #require(throws: ResilienceError.self) {
            try await bench.run { [policy = bench.policy, source = bench.time.source] in
                try await policy.run { _ in try await source.sleep(for: .seconds(60)) }
            }
        }
        #expect(error.code == .deadlineExceeded && error.policy == "payment deadline")
        #expect(error.cause is CancellationError)
        #expect(bench.told() == ["admitted", "rejected by deadline: deadline-exceeded", "failed after 1"])
        #expect(bench.time.sleeperCount == 0)
    }

    @Test func noRetryBeginsThatWouldComeAfterTheDeadline() async throws {
        let bench = PolicyBench(.init(deadline: .milliseconds(100), retry: patient))
        let error = try await #require(throws: ResilienceError.self) {
            try await bench.policy.run(.safe) { _ in throw PolicyBench.Refused() }
        }
        #expect(error.code == .deadlineExceeded && error.policy == "payment retry")
    }

    @Test func aDeadlineThatHasPassedIsRefusedBeforeAnythingElse() async throws {
        let bench = PolicyBench(.standard)
        bench.time.advance(by: .seconds(2))
        let error = try await #require(throws: ResilienceError.self) {
            try await Deadline.$current.withValue(Deadline(expires: .zero)) { try await bench.policy.run { _ in } }
        }
        #expect(error.code == .deadlineExceeded)
        #expect(bench.told() == ["rejected by deadline: deadline-exceeded"])
    }

    @Test func anAttemptThatTakesTooLongIsCancelledAndTriedAgain() async throws {
        let bench = PolicyBench(.init(deadline: .seconds(10), retry: patient, attemptTimeout: .seconds(1)))
        let number = try await bench.run { [policy = bench.policy, source = bench.time.source] in
            try await policy.run(.safe) { attempt in
                if attempt.number == 1 { try await source.sleep(for: .seconds(60)) }
                return attempt.number
            }
        }
        #expect(number == 2)
        #expect(
            bench.told() == ["admitted", "attempt 1 timed out", "attempt 2 after 0.1 seconds", "succeeded after 2"])
    }

    @Test func theLastAttemptThatTimedOutSaysSo() async throws {
        let bench = PolicyBench(
            .init(breaker: CircuitBreaker.Configuration(minimumCalls: 1), attemptTimeout: .seconds(1)))
        let error = try await #require(throws: ResilienceError.self) {
            try await bench.run { [policy = bench.policy, source = bench.time.source] in
                try await policy.run { _ in try await source.sleep(for: .seconds(60)) }
            }
        }
        #expect(error.code == .attemptTimedOut && error.policy == "payment attempt timeout")
        #expect(bench.told() == ["admitted", "attempt 1 timed out", "breaker closed → open", "failed after 1"])
    }

    @Test func aValueThatComesAfterTheAttemptTimeoutIsLate() async throws {
        let bench = PolicyBench(.init(attemptTimeout: .seconds(1)))
        let error = try await #require(throws: ResilienceError.self) {
            try await bench.policy.run { [time = bench.time] _ in time.advance(by: .seconds(1)) }
        }
        #expect(error.code == .attemptTimedOut && error.cause == nil)
    }

    @Test(arguments: [ResiliencePolicy.Configuration.standard, .init(breaker: .init(minimumCalls: 1))])
    func aCancelledCallSaysNothingAboutTheCallee(configuration: ResiliencePolicy.Configuration) async throws {
        let bench = PolicyBench(configuration)
        let call = Task { [policy = bench.policy, source = bench.time.source] in
            try await policy.run { _ in try await source.sleep(for: .seconds(1)) }
        }
        try await bench.time.waitForSleepers()
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(bench.told() == ["admitted", "cancelled after 1"])
        #expect(bench.policy.snapshot().breaker == .closed && bench.policy.snapshot().counts.underWay == 0)
    }

    @Test func aCallThatIsCancelledBetweenAttemptsEnds() async throws {
        let bench = PolicyBench(.init(retry: patient))
        let call = Task { [policy = bench.policy] in try await policy.run(.safe) { _ in throw PolicyBench.Refused() } }
        try await bench.time.waitForSleepers()
        call.cancel()
        await #expect(throws: CancellationError.self) { try await call.value }
        #expect(bench.told() == ["admitted", "attempt 2 after 0.1 seconds", "cancelled after 1"])
    }

    @Test func theCallersEarlierDeadlineCounts() async throws {
        let bench = PolicyBench(.init(deadline: .seconds(10)))
        let error = try await #require(throws: ResilienceError.self) {
            try await bench.run { [policy = bench.policy, source = bench.time.source] in
                try await Deadline(after: .seconds(1), from: .zero).run(on: source) {
                    try await policy.run { _ in
                        #expect(Deadline.current == Deadline(after: .seconds(1), from: .zero))
                        try await source.sleep(for: .seconds(60))
                    }
                }
            }
        }
        #expect(error.code == .deadlineExceeded)
    }

    @Test(arguments: [nil, Hedge.Configuration()])
    func noAttemptBeginsAfterAWaitThatTookTooLong(_ hedge: Hedge.Configuration?) async throws {
        let time = JumpingTime(overshoot: .seconds(2))
        let policy = ResiliencePolicy(
            "payment",
            .init(deadline: .seconds(1), retry: patient, hedge: hedge, breaker: .init(minimumCalls: 2)), on: time.source
        )
        let attempts = Locked(0)
        let error = try await #require(throws: ResilienceError.self) {
            try await policy.run(.safe) { _ in
                attempts.withLock { $0 += 1 }
                throw PolicyBench.Refused()
            }
        }
        #expect(error.code == .deadlineExceeded && error.cause is PolicyBench.Refused)
        #expect(attempts.withLock { $0 } == 1)
        let snapshot = policy.snapshot()
        #expect(snapshot.breaker == .closed, "the callee is not to blame")
        #expect(snapshot.counts.rejected(by: .deadline) == 1 && snapshot.counts.underWay == 0)
    }

    @Test(arguments: [100, 499, 500], [nil, Hedge.Configuration()])
    func aHurriedCallerSaysNothingAboutTheCallee(_ left: Int, _ hedge: Hedge.Configuration?) async throws {
        let bench = PolicyBench(
            .init(
                deadline: .seconds(10), loadShedding: .init(sampleWindow: .milliseconds(1), minimumSamples: 5),
                hedge: hedge, breaker: .init(minimumCalls: 5), attemptTimeout: .seconds(4)))
        for _ in 0..<5 {
            let deadline = Deadline(after: .milliseconds(left), from: bench.time.now)
            let error = try await #require(throws: ResilienceError.self) {
                try await deadline.run(on: bench.time.source) {
                    try await bench.policy.run(.safe) { _ in bench.time.advance(by: .milliseconds(left)) }
                }
            }
            #expect(error.code == .deadlineExceeded)
        }
        let snapshot = bench.policy.snapshot()
        #expect((snapshot.breaker == .closed) == (left < 500))
        #expect((snapshot.limit == 50) == (left < 500), "\(snapshot.limit ?? 0)")
    }
}
