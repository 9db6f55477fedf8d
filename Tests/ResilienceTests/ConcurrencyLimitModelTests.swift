import ApusPrimitives
import ApusResilience
import Testing

/// The limit against `NaiveConcurrencyLimit`, with events in random order and changes of the settings in between.
@Suite struct ConcurrencyLimitModelTests {
    private struct Tally {
        var refused = 0
        var probes = 0
        var falls = 0
        var rises = 0
    }

    private struct Pending {
        let permit: ConcurrencyLimit.Permit
        let request: Int
    }

    @Test func agreesWithTheModel() {
        var tally = Tally()
        for seed in 0..<150 { run(seed: UInt64(seed), &tally) }
        #expect([tally.refused, tally.probes, tally.falls, tally.rises].allSatisfy { $0 > 100 }, "\(tally)")
    }

    private func settings(_ random: inout SeededRandom) -> ConcurrencyLimit.Configuration {
        ConcurrencyLimit.Configuration(
            initialLimit: Int.random(in: 1...40, using: &random), minimumLimit: Int.random(in: 1...8, using: &random),
            maximumLimit: Int.random(in: 8...60, using: &random),
            tolerance: Double.random(in: 1.1...3, using: &random),
            smoothing: Double.random(in: 0.1...1, using: &random),
            sampleWindow: .milliseconds(Int.random(in: 1...40, using: &random)),
            minimumSamples: Int.random(in: 5...12, using: &random),
            probeInterval: .milliseconds(Int.random(in: 100...2_000, using: &random)),
            shares: .init(normal: 0.875, background: 0.5, sheddable: 0.25))
    }

    private func run(seed: UInt64, _ tally: inout Tally) {
        var random = SeededRandom(seed: seed)
        let first = settings(&random)
        var limit = ConcurrencyLimit(configuration: first)
        var model = NaiveConcurrencyLimit(first)
        var now = MonotonicTime.zero
        var pending: [Pending] = []
        var dropShare = 0.0
        var haste = 50

        for step in 0..<700 {
            let before = limit.limit
            let wasProbing = limit.isProbing
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<20: now = now + .microseconds(Int.random(in: 0...haste * 100, using: &random))
            case 20..<22:
                dropShare = [0, 0, 0.1, 0.5, 1].randomElement(using: &random)!
                haste = [1, 50, 500].randomElement(using: &random)!
            case 22:
                let next = settings(&random)
                limit.reconfigure(next, at: now)
                model.reconfigure(next)
            case 23..<62:
                let priority = RequestPriority.allCases.randomElement(using: &random)!
                let expected = model.acquire(priority, at: now)
                let permit = try? limit.acquire(priority, at: now)
                #expect((permit != nil) == (expected != nil), "seed \(seed), step \(step)")
                if let permit, let expected {
                    pending.append(Pending(permit: permit, request: expected))
                } else {
                    tally.refused += 1
                }
            default:
                guard let index = pending.indices.randomElement(using: &random) else { continue }
                let one = pending.remove(at: index)
                let outcome: ConcurrencyLimit.Outcome =
                    if Int.random(in: 0..<12, using: &random) == 0 {
                        .ignored
                    } else {
                        Double.random(in: 0..<1, using: &random) < dropShare ? .dropped : .completed
                    }
                let changed = limit.release(one.permit, outcome, at: now)
                #expect(changed == (limit.limit == before ? nil : limit.limit))
                model.release(one.request, outcome, at: now)
                if limit.isProbing, !wasProbing { tally.probes += 1 }
                if limit.limit < before { tally.falls += 1 }
                if limit.limit > before { tally.rises += 1 }
            }
            #expect(limit.limit == model.limit, "seed \(seed), step \(step)")
            #expect(limit.isProbing == model.isProbing, "seed \(seed), step \(step)")
            #expect(limit.baseline == model.baseline, "seed \(seed), step \(step)")
            #expect(limit.inFlight == pending.count)
            if limit.limit != model.limit { return }
        }
    }
}
