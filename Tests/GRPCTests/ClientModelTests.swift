import ApusPrimitives
import Testing

@testable import ApusGRPC

/// Random histories of a client's pure parts against naive models of them.
@Suite struct ClientModelTests {
    /// What gRPC says, in the fewest words: pick-first stays where it is and else takes the first that is ready; round robin takes
    /// the next that is ready after the last one taken.
    private struct NaiveBalancer {
        let policy: GRPCBalancing
        var states: [Balancer.State]
        var taken: Int?

        mutating func pick() -> Balancer.Pick {
            let ready = states.indices.filter { states[$0] == .ready }
            guard !ready.isEmpty else {
                return !states.isEmpty && states.allSatisfy { $0 == .transientFailure } ? .fail : .wait
            }
            switch policy {
            case .pickFirst:
                if let taken, ready.contains(taken) { return .endpoint(taken) }
                taken = ready.first!
            case .roundRobin:
                taken = ready.first { $0 > (taken ?? -1) } ?? ready.first!
            }
            return .endpoint(taken!)
        }

        var toConnect: [Int] {
            let idle = states.indices.filter { states[$0] == .idle }
            guard policy == .pickFirst else { return idle }
            return states.contains(.ready) || states.contains(.connecting) ? [] : Array(idle.prefix(1))
        }
    }

    @Test func `the balancer picks and connects as a naive one does`() {
        for seed in 1...2000 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            let count = random.below(6)
            let policy: GRPCBalancing = random.below(2) == 0 ? .pickFirst : .roundRobin
            var balancer = Balancer(policy: policy, count: count)
            var naive = NaiveBalancer(policy: policy, states: Array(repeating: .idle, count: count))
            for step in 0..<50 {
                // Late news of an endpoint that is not in the list is no news.
                let index = random.below(7)
                let new = [Balancer.State.idle, .connecting, .ready, .transientFailure].randomElement(using: &random)!
                balancer.set(index, new)
                if index < count { naive.states[index] = new }
                #expect(balancer.states == naive.states)
                #expect(balancer.toConnect() == naive.toConnect, "seed \(seed), step \(step)")
                for _ in 0..<random.below(4) {
                    let (pick, expected) = (balancer.pick(), naive.pick())
                    #expect(pick == expected, "seed \(seed), step \(step)")
                }
            }
        }
    }

    /// A call and its attempts, by the text of A6.
    private struct NaiveRetry {
        let policy: GRPCRetryPolicy
        var counted = 1
        var refusedOnce = false
        var unsent = 0
        var waitsSincePushback = 0
        var ran = false

        enum Verdict: Equatable { case giveUp, atOnce, exactly(Duration), about(Duration) }

        mutating func failed(_ error: GRPCError, isCommitted: Bool, mayRetry: Bool) -> Verdict {
            if error.reach == .unknown || error.reach == .answered { ran = true }
            if isCommitted { return .giveUp }
            if error.reach == .notSent, error.code == .unavailable {
                unsent += 1
                if unsent <= RetryState.maximumUnsent { return .atOnce }
            }
            if error.reach == .refused, !refusedOnce {
                refusedOnce = true
                return .atOnce
            }
            if counted >= policy.maxAttempts || !policy.retryableCodes.contains(error.code) || !mayRetry {
                return .giveUp
            }
            if let pushback = error.retryPushback {
                if pushback < .zero { return .giveUp }
                counted += 1
                waitsSincePushback = 0
                return .exactly(pushback)
            }
            counted += 1
            var wait = policy.initialBackoff.seconds
            for _ in 0..<waitsSincePushback { wait *= policy.backoffMultiplier }
            waitsSincePushback += 1
            return .about(.seconds(min(wait, policy.maxBackoff.seconds)))
        }
    }

    @Test func `retries go as a naive reading of A6 has them`() {
        for seed in 1...5000 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            let policy = GRPCRetryPolicy(
                maxAttempts: random.below(8), initialBackoff: .milliseconds(random.below(1000)),
                maxBackoff: .milliseconds(random.below(5000)), backoffMultiplier: Double(random.below(40)) / 10,
                retryableCodes: random.below(2) == 0 ? [.unavailable] : [.unavailable, .aborted])
            var state = RetryState(policy: policy)
            var naive = NaiveRetry(policy: policy)
            for _ in 0..<20 {
                var error = GRPCError(
                    [.unavailable, .unavailable, .aborted, .notFound].randomElement(using: &random)!, "",
                    reach: [.notSent, .refused, .unknown, .answered].randomElement(using: &random)!)
                if random.below(4) == 0 { error.retryPushback = .milliseconds(random.below(300) - 50) }
                let (isCommitted, mayRetry) = (random.below(20) == 0, random.below(10) > 0)
                let decision = state.failed(error, isCommitted: isCommitted, mayRetry: mayRetry, using: &random)
                let verdict = naive.failed(error, isCommitted: isCommitted, mayRetry: mayRetry)
                switch (decision, verdict) {
                case (.giveUp, .giveUp), (.retry(after: .zero, isTransparent: true), .atOnce): break
                case (.retry(let wait, false), .exactly(let wanted)): #expect(wait == wanted, "seed \(seed)")
                case (.retry(let wait, false), .about(let wanted)):
                    let range = wanted.seconds * 0.799...wanted.seconds * 1.201
                    #expect(range.contains(wait.seconds), "seed \(seed): \(wait), not about \(wanted)")
                default: Issue.record("seed \(seed): \(decision), not \(verdict)")
                }
                #expect(state.attempts == naive.counted, "seed \(seed)")
                #expect(
                    state.final(GRPCError(.unavailable, "", reach: .refused)).mayRepeat == !naive.ran, "seed \(seed)")
                if decision == .giveUp { break }
            }
        }
    }

    @Test func `the budget never leaves its bounds, and retries stop below half of it`() {
        for seed in 1...500 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            let (most, ratio) = (1 + random.below(20), random.below(10))
            var budget = RetryThrottle(maxTokens: Double(most), tokenRatio: Double(ratio) / 10)
            // In tenths, so that nothing is rounded.
            var tenths = most * 10
            for _ in 0..<200 {
                if random.below(3) == 0 {
                    budget.failed()
                    tenths = max(0, tenths - 10)
                } else {
                    budget.succeeded()
                    tenths = min(most * 10, tenths + ratio)
                }
                #expect(abs(budget.tokens * 10 - Double(tenths)) < 1e-6, "seed \(seed)")
                // At the very half a sum of tenths may be a hair off.
                if tenths != most * 5 { #expect(budget.mayRetry == (tenths > most * 5), "seed \(seed)") }
            }
        }
    }
}
