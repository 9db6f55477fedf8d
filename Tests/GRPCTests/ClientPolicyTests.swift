import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGRPC

@Suite struct ClientPolicyTests {
    private final class Box {
        var balancer: Balancer

        init(policy: GRPCBalancing, count: Int) {
            balancer = Balancer(policy: policy, count: count)
        }

        func pick() -> Balancer.Pick { balancer.pick() }
    }

    private let unavailable = GRPCError(.unavailable, "x")

    @Test func `retries wait longer each time, within the spread, and end with the attempts`() {
        var random = SeededRandom(seed: 3)
        var state = RetryState(
            policy: GRPCRetryPolicy(
                maxAttempts: 5, initialBackoff: .seconds(1), maxBackoff: .seconds(3), backoffMultiplier: 2))
        for wait in [1.0, 2, 3, 3] {
            guard
                case .retry(let delay, false) = state.failed(
                    unavailable, isCommitted: false, mayRetry: true, using: &random)
            else {
                Issue.record("no retry")
                return
            }
            #expect((wait * 0.8...wait * 1.2).contains(delay.seconds))
        }
        let end = state.failed(unavailable, isCommitted: false, mayRetry: true, using: &random)
        #expect(end == .giveUp)
    }

    @Test func `a committed call, another code, an empty budget and a negative push-back end it`() {
        var random = SeededRandom(seed: 3)
        var never = unavailable
        never.retryPushback = .milliseconds(-1)
        for (error, isCommitted, mayRetry) in [
            (unavailable, true, true), (GRPCError(.notFound, ""), false, true), (unavailable, false, false),
            (never, false, true),
        ] {
            var state = RetryState(policy: GRPCRetryPolicy())
            let decision = state.failed(error, isCommitted: isCommitted, mayRetry: mayRetry, using: &random)
            #expect(decision == .giveUp)
        }
    }

    @Test func `a push-back is waited out exactly, and starts the waits again`() {
        var random = SeededRandom(seed: 3)
        var state = RetryState(
            policy: GRPCRetryPolicy(maxAttempts: 5, initialBackoff: .seconds(1), maxBackoff: .seconds(100)))
        _ = state.failed(unavailable, isCommitted: false, mayRetry: true, using: &random)
        var pushed = unavailable
        pushed.retryPushback = .seconds(60)
        let waits = state.failed(pushed, isCommitted: false, mayRetry: true, using: &random)
        #expect(waits == .retry(after: .seconds(60), isTransparent: false))
        guard case .retry(let delay, _) = state.failed(unavailable, isCommitted: false, mayRetry: true, using: &random)
        else {
            Issue.record("no retry")
            return
        }
        #expect(delay < .seconds(1.3))
    }

    @Test func `what no application saw is made again once at once, without a policy`() {
        var random = SeededRandom(seed: 3)
        for reach in [GRPCError.Reach.refused] {
            var state = RetryState(policy: .none)
            let error = GRPCError(.unavailable, "", reach: reach)
            let first = state.failed(error, isCommitted: false, mayRetry: true, using: &random)
            #expect(first == .retry(after: .zero, isTransparent: true))
            #expect(state.attempts == 1)
            let second = state.failed(error, isCommitted: false, mayRetry: true, using: &random)
            #expect(second == .giveUp)
        }
        var lost = RetryState(policy: .none)
        let unknown = GRPCError(.unavailable, "", reach: .unknown)
        let decision = lost.failed(unknown, isCommitted: false, mayRetry: true, using: &random)
        #expect(decision == .giveUp)
    }

    @Test func `failures empty the budget and successes fill it`() {
        var budget = RetryThrottle(maxTokens: 10, tokenRatio: 0.5)
        for _ in 0..<4 { budget.failed() }
        #expect(budget.mayRetry)
        budget.failed()
        #expect(!budget.mayRetry)
        budget.succeeded()
        #expect(budget.mayRetry)
        for _ in 0..<100 { budget.failed() }
        #expect(budget.tokens == 0)
        for _ in 0..<100 { budget.succeeded() }
        #expect(budget.tokens == 10)
    }

    @Test func `connecting backs off to the maximum, spread`() {
        var random = SeededRandom(seed: 5)
        let backoff = ConnectionBackoff(initial: .seconds(1), multiplier: 2, jitter: 0.1, maximum: .seconds(8))
        for (failures, delay) in [(1, 1.0), (2, 2), (3, 4), (4, 8), (50, 8)] {
            for _ in 0..<100 {
                let actual = backoff.delay(afterFailures: failures, using: &random).seconds
                #expect((delay * 0.9 - 1e-6...delay * 1.1 + 1e-6).contains(actual))
            }
        }
    }

    @Test func `pick-first stays with one, and goes to the next when it fails`() {
        let box = Box(policy: .pickFirst, count: 3)
        #expect(box.pick() == .wait)
        #expect(box.balancer.toConnect() == [0])
        box.balancer.set(0, .connecting)
        #expect(box.balancer.toConnect() == [])
        box.balancer.set(0, .transientFailure)
        #expect(box.balancer.toConnect() == [1])
        box.balancer.set(1, .connecting)
        box.balancer.set(1, .ready)
        for _ in 0..<3 { #expect(box.pick() == .endpoint(1)) }
        box.balancer.set(0, .idle)
        #expect(box.pick() == .endpoint(1))
        box.balancer.set(1, .idle)
        #expect(box.balancer.toConnect() == [0])
    }

    @Test func `round robin goes over what is ready, and fails when all have`() {
        let box = Box(policy: .roundRobin, count: 3)
        #expect(box.balancer.toConnect() == [0, 1, 2])
        box.balancer.set(0, .ready)
        box.balancer.set(2, .ready)
        box.balancer.set(1, .transientFailure)
        let picks = (0..<4).map { _ in box.pick() }
        #expect(picks == [.endpoint(0), .endpoint(2), .endpoint(0), .endpoint(2)])
        box.balancer.set(0, .transientFailure)
        #expect(box.pick() == .endpoint(2))
        box.balancer.set(2, .connecting)
        #expect(box.pick() == .wait)
        box.balancer.set(2, .transientFailure)
        #expect(box.pick() == .fail)
        #expect(box.balancer.overall == .transientFailure)
    }

    @Test func `whatever happens to the endpoints, a pick is ready`() {
        for seed in 1...300 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            let count = Int.random(in: 1...5, using: &random)
            var balancer = Balancer(policy: Bool.random(using: &random) ? .pickFirst : .roundRobin, count: count)
            var states = [Balancer.State](repeating: .idle, count: count)
            for _ in 0..<200 {
                let index = Int.random(in: 0..<count, using: &random)
                let new = [Balancer.State.idle, .connecting, .ready, .transientFailure].randomElement(using: &random)!
                states[index] = new
                balancer.set(index, new)
                switch balancer.pick() {
                case .endpoint(let picked): #expect(states[picked] == .ready, "seed \(seed)")
                case .fail: #expect(states.allSatisfy { $0 == .transientFailure }, "seed \(seed)")
                case .wait:
                    #expect(!states.contains(.ready), "seed \(seed)")
                    // Somebody is on the way, or is to be asked, or the next is.
                    #expect(!balancer.toConnect().isEmpty || states.contains(.connecting), "seed \(seed)")
                }
            }
        }
    }
}
