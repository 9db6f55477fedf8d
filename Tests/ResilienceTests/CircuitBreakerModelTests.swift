import ApusPrimitives
import ApusResilience
import Testing

/// The breaker against `NaiveBreaker`, with events in random order: outcomes come late, doubled, or never, settings change
/// in use, and a hand reaches in.
@Suite struct CircuitBreakerModelTests {
    private struct Pending {
        let permit: CircuitBreaker.Permit
        let call: Int
        let isProbe: Bool
    }

    /// How often what was tested came.
    private struct Seen {
        var transitions: [String: Int] = [:]
        var changes: [String: Int] = [:]
        var openedBySlowness = 0
    }

    @Test func agreesWithTheModel() {
        var seen = Seen()
        for seed in 0..<200 { run(seed: UInt64(seed), &seen) }
        #expect(seen.transitions.keys.sorted() == ["closed-open", "half-closed", "half-open"])
        #expect(seen.transitions.values.allSatisfy { $0 > 100 }, "\(seen.transitions)")
        #expect(seen.changes.count == 4)
        #expect(seen.changes.values.allSatisfy { $0 > 100 }, "\(seen.changes)")
        #expect(seen.openedBySlowness > 20)
    }

    private func settings(using random: inout SeededRandom) -> CircuitBreaker.Configuration {
        // Thresholds that binary fractions hold exactly, so that both ways of comparing agree.
        let shares = [0.125, 0.25, 0.5, 0.75, 1]
        let window: CircuitBreaker.Window =
            if Bool.random(using: &random) {
                .calls(Int.random(in: 1...130, using: &random))
            } else {
                .time(
                    .milliseconds(Int.random(in: 20...200, using: &random)),
                    buckets: Int.random(in: 1...8, using: &random))
            }
        let slow = Duration.milliseconds(Int.random(in: 1...60, using: &random))
        return CircuitBreaker.Configuration(
            window: window, minimumCalls: Int.random(in: 1...20, using: &random),
            failureRateThreshold: shares.randomElement(using: &random)!,
            slowCallDuration: Bool.random(using: &random) ? slow : nil,
            slowCallRateThreshold: shares.randomElement(using: &random)!,
            openFor: .milliseconds(Int.random(in: 0...50, using: &random)),
            halfOpenProbes: Int.random(in: 1...6, using: &random))
    }

    private func run(seed: UInt64, _ seen: inout Seen) {
        var random = SeededRandom(seed: seed)
        var breaker = CircuitBreaker(configuration: settings(using: &random))
        var model = NaiveBreaker(breaker.configuration)
        var now = MonotonicTime.zero
        var pending: [Pending] = []
        var failureShare = 0.5

        for step in 0..<600 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0:
                let new = settings(using: &random)
                seen.changes["\(breaker.configuration.kind)-\(new.kind)", default: 0] += 1
                breaker.reconfigure(new, at: now)
                model.reconfigure(new, at: now)
            case 1:
                force([.forcedOpen, .forcedClosed, .closed].randomElement(using: &random)!, &breaker, &model)
            case 2..<5: if step % 8 == 0 { force(.closed, &breaker, &model) }
            case 5..<8: failureShare = [0, 0.1, 0.5, 1].randomElement(using: &random)!
            case 8..<20: now = now + .milliseconds(Int.random(in: 0...20, using: &random))
            case 20..<55:
                let expected = model.acquire(at: now)
                #expect(breaker.admits(at: now) == (expected != nil))
                let isProbe = breaker.state(at: now) == .halfOpen
                let permit = try? breaker.acquire(at: now)
                #expect((permit != nil) == (expected != nil), "seed \(seed), step \(step)")
                if let permit, let expected {
                    pending.append(Pending(permit: permit, call: expected, isProbe: isProbe))
                }
            default:
                guard let index = pending.indices.randomElement(using: &random) else { continue }
                let outcome: CircuitBreaker.Outcome =
                    if Int.random(in: 0..<8, using: &random) == 0 {
                        .ignored
                    } else {
                        Double.random(in: 0..<1, using: &random) < failureShare ? .failure : .success
                    }
                if let transition = breaker.record(pending[index].permit, outcome, at: now) {
                    let from = transition.from == .closed ? "closed" : "half"
                    seen.transitions["\(from)-\(transition.to == .closed ? "closed" : "open")", default: 0] += 1
                    #expect(transition.to == breaker.state(at: now) || breaker.configuration.openFor == .zero)
                    if transition.to != .closed, isSlowness(&breaker, at: now) { seen.openedBySlowness += 1 }
                }
                model.record(pending[index].call, outcome, at: now)
                // A probe's permit may come back doubled, at any time; others are recorded once.
                if !pending[index].isProbe || Bool.random(using: &random) { pending.swapRemove(at: index) }
            }
            #expect(breaker.state(at: now) == model.state(at: now), "seed \(seed), step \(step)")
            #expect(breaker.counts(at: now) == model.counts(at: now), "seed \(seed), step \(step)")
        }
    }

    private func force(
        _ state: CircuitBreaker.State, _ breaker: inout CircuitBreaker, _ model: inout NaiveBreaker
    ) {
        switch state {
        case .forcedOpen: breaker.forceOpen()
        case .forcedClosed: breaker.forceClosed()
        default: breaker.reset()
        }
        model.force(state)
    }

    private func isSlowness(_ breaker: inout CircuitBreaker, at now: MonotonicTime) -> Bool {
        guard breaker.configuration.openFor > .zero else { return false }
        do throws(ResilienceError) { _ = try breaker.acquire(at: now) } catch {
            return error.message.contains("took longer than")
        }
        return false
    }
}

extension CircuitBreaker.Configuration {
    fileprivate var kind: String {
        if case .calls = window { "calls" } else { "time" }
    }
}

extension Array {
    fileprivate mutating func swapRemove(at index: Int) {
        swapAt(index, count - 1)
        removeLast()
    }
}
