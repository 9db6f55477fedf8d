import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

/// Random calls, faults, cancellations and changes of settings, from a seed: whatever happens, each call ends exactly once,
/// and everything that was lent is given back.
@Suite struct ResiliencePolicyModelTests {
    private static func configuration(_ random: inout SeededRandom) -> ResiliencePolicy.Configuration {
        func some<Part>(_ part: Part) -> Part? { Bool.random(using: &random) ? part : nil }
        var configuration = ResiliencePolicy.Configuration(
            deadline: some(.milliseconds(Int.random(in: 5...200, using: &random))),
            retry: some(
                RetryPolicy(
                    maxAttempts: Int.random(in: 1...4, using: &random), baseDelay: .milliseconds(5), jitter: .full)),
            retryBudget: some(.init(floorPerSecond: 50, window: .seconds(1))),
            breaker: some(.init(minimumCalls: 5, openFor: .milliseconds(50))),
            attemptTimeout: some(.milliseconds(Int.random(in: 3...50, using: &random))))
        configuration.rateLimit = some(.init(permits: 2, per: .milliseconds(1), maxWait: .milliseconds(20)))
        configuration.loadShedding = some(.init(initialLimit: 20, minimumLimit: 5, sampleWindow: .milliseconds(10)))
        configuration.bulkhead = some(
            .init(maxConcurrent: Int.random(in: 1...10, using: &random), maxWaiting: 5, maxWait: .milliseconds(30)))
        configuration.adaptiveBreaker = some(.init(window: .seconds(1), probeInterval: .milliseconds(20)))
        if Int.random(in: 0..<4, using: &random) == 0 {
            configuration.hedge = .init(delay: .fixed(.milliseconds(4)), budget: 1)
        }
        return configuration
    }

    private struct Tally {
        var arrived = 0
        var returned = 0
        var threw = 0
        var admitted = 0
        var ended = 0
        var abandoned = 0
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func everythingLentIsGivenBack(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let time = ManualTime()
        let tally = Locked(Tally())
        let policy = ResiliencePolicy("callee", Self.configuration(&random), on: time.source, seed: seed) { event in
            tally.withLock { tally in
                switch event {
                case .admitted: tally.admitted += 1
                case .ended: tally.ended += 1
                case .abandoned: tally.abandoned += 1
                default: break
                }
            }
        }
        var tasks: [Task<Void, Never>] = []
        for _ in 0..<500 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0: policy.update(Self.configuration(&random))
            case 1: policy.force([.open, .closed, .reset].randomElement(using: &random)!)
            case 2: tasks.randomElement(using: &random)?.cancel()
            case 3..<8: time.advance(by: .milliseconds(Int.random(in: 1...10, using: &random)))
            case 8: await Task.yield()
            default: tasks.append(Self.call(policy, on: time, tally, &random))
            }
        }
        policy.force(.reset)
        let calls = tasks
        let isOver = Locked(false)
        Task {
            for task in calls { await task.value }
            isOver.withLock { $0 = true }
        }
        try await eventually {
            time.advance(by: .milliseconds(10))
            return isOver.withLock { $0 }
        }
        let counts = policy.snapshot().counts
        let seen = tally.withLock { $0 }
        #expect(seen.returned + seen.threw == tasks.count, "seed \(seed)")
        #expect(counts.underWay == 0 && seen.admitted == seen.ended, "seed \(seed)")
        #expect(counts.succeeded == seen.returned, "seed \(seed)")
        #expect(counts.abandoned == seen.abandoned, "seed \(seed)")
        let end = policy.snapshot()
        #expect((end.inside ?? 0) == 0 && (end.waiting ?? 0) == 0 && (end.inFlight ?? 0) == 0, "seed \(seed)")
        // And it works again, with every part as it is.
        time.advance(by: .seconds(60))
        try await policy.run { _ in }
    }

    private static func call(
        _ policy: ResiliencePolicy, on time: ManualTime, _ tally: Locked<Tally>, _ random: inout SeededRandom
    ) -> Task<Void, Never> {
        let faults = SeededRandom(seed: random.next())
        let safety: RetrySafety = Bool.random(using: &random) ? .safe : .never
        return Task {
            do {
                try await policy.run(safety) { attempt in
                    var faults = faults
                    for _ in 0..<attempt.number + attempt.hedge { _ = faults.next() }
                    switch Int.random(in: 0..<6, using: &faults) {
                    case 0: throw PolicyBench.Refused()
                    case 1, 2: try await time.source.sleep(for: .milliseconds(Int.random(in: 1...60, using: &faults)))
                    // Takes no notice of its cancellation.
                    case 3: try? await time.source.sleep(for: .milliseconds(Int.random(in: 1...60, using: &faults)))
                    default: break
                    }
                }
                tally.withLock { $0.returned += 1 }
            } catch {
                tally.withLock { $0.threw += 1 }
            }
        }
    }
}
