import ApusPrimitives
import ApusResilience
import Testing

/// The breaker against `NaiveBreaker`, with events in random order: outcomes come late, doubled, or never.
@Suite struct CircuitBreakerModelTests {
    private struct Pending {
        let permit: CircuitBreaker.Permit
        let call: Int
        let isProbe: Bool
    }

    @Test func agreesWithTheModel() {
        var transitions: [String: Int] = [:]
        for seed in 0..<200 { run(seed: UInt64(seed), &transitions) }
        #expect(transitions.keys.sorted() == ["closed-open", "half-closed", "half-open"])
        #expect(transitions.values.allSatisfy { $0 > 100 }, "\(transitions)")
    }

    private func run(seed: UInt64, _ transitions: inout [String: Int]) {
        var random = SeededRandom(seed: seed)
        // Thresholds that binary fractions hold exactly, so that both ways of comparing agree.
        let settings = CircuitBreaker.Configuration(
            windowSize: Int.random(in: 1...130, using: &random), minimumCalls: Int.random(in: 1...20, using: &random),
            failureRateThreshold: [0.125, 0.25, 0.5, 0.75, 1].randomElement(using: &random)!,
            openFor: .milliseconds(Int.random(in: 0...50, using: &random)),
            halfOpenProbes: Int.random(in: 1...6, using: &random))
        var breaker = CircuitBreaker(configuration: settings)
        var model = NaiveBreaker(settings)
        var now = MonotonicTime.zero
        var pending: [Pending] = []
        var failureShare = 0.5

        for step in 0..<600 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: now = now + .milliseconds(Int.random(in: 0...20, using: &random))
            case 1 where step % 40 == 0: failureShare = [0, 0.1, 0.5, 1].randomElement(using: &random)!
            case 2...5:
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
                    transitions["\(from)-\(transition.to == .closed ? "closed" : "open")", default: 0] += 1
                    #expect(transition.to == breaker.state(at: now) || settings.openFor == .zero)
                }
                model.record(pending[index].call, outcome, at: now)
                // A probe's permit may come back doubled, at any time; others are recorded once.
                if !pending[index].isProbe || Bool.random(using: &random) { pending.swapRemove(at: index) }
            }
            #expect(breaker.state(at: now) == model.state(at: now), "seed \(seed), step \(step)")
        }
    }
}

extension Array {
    fileprivate mutating func swapRemove(at index: Int) {
        swapAt(index, count - 1)
        removeLast()
    }
}
