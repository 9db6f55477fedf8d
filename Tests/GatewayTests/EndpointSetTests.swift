import ApusCoordination
import ApusPrimitives
import ApusResilience
import NIOCore
import Testing

@testable import ApusGateway

/// What one event loop does with the instances of a service: choice, ejection, the slow way back, the retry budget.
@Suite struct EndpointSetTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func set(
        _ count: Int, weights: [Int] = [], ejection: OutlierConfiguration = OutlierConfiguration(),
        retryBudget: RetryBudget.Configuration = RetryBudget.Configuration()
    ) -> EndpointSet {
        let instances = (0..<count).map {
            ServiceInstance(
                service: "api", id: "\($0)", host: "127.0.0.1", port: 1000 + $0,
                weight: weights.isEmpty ? 100 : weights[$0])
        }
        let set = EndpointSet(service: "api", ejection: ejection, retryBudget: retryBudget) { _ in instances }
        var random = SeededRandom(seed: 1)
        _ = set.pick(excluding: [], at: now, using: &random)
        return set
    }

    /// One request after the other.
    @discardableResult
    private func fail(
        _ set: EndpointSet, _ index: Int, _ outcome: OutlierDetector<ObjectIdentifier>.Outcome, times: Int = 1,
        at now: NIODeadline
    ) -> [String] {
        (0..<times).flatMap { _ in
            let permit = set.began(set.endpoints[index], at: now)
            defer { set.ended(set.endpoints[index], permit, at: now) }
            return set.record(set.endpoints[index], permit, outcome, at: now)
        }
    }

    /// How many of `count` requests, one after the other, each instance gets.
    private func shares(_ set: EndpointSet, of count: Int, at now: NIODeadline, seed: UInt64 = 2) -> [Int] {
        var random = SeededRandom(seed: seed)
        var shares = set.endpoints.map { _ in 0 }
        for _ in 0..<count {
            guard let chosen = set.pick(excluding: [], at: now, using: &random) else { continue }
            shares[set.endpoints.firstIndex { $0 === chosen } ?? 0] += 1
        }
        return shares
    }

    @Test func theLastInstanceIsNeverEjected() {
        for count in 1...4 {
            let set = set(count)
            var ejected: [String] = []
            for _ in 0..<20 { for index in 0..<count { ejected += fail(set, index, .unreachable, at: now) } }
            #expect(ejected.count == count - 1)
            #expect(shares(set, of: 10, at: now).reduce(0, +) == 10)
        }
    }

    @Test func answersEjectAtMostTheShare() {
        for (count, expected) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
            let set = set(count)
            for _ in 0..<20 { for index in 0..<count { fail(set, index, .failure, at: now) } }
            #expect(set.endpoints.count { set.isEjected($0, at: now) } == expected)
        }
        let set = set(10, ejection: OutlierConfiguration(maxEjectedShare: 0.1))
        for index in 0..<10 { fail(set, index, .failure, times: 20, at: now) }
        #expect(set.endpoints.map { set.isEjected($0, at: now) } == [true] + Array(repeating: false, count: 9))
    }

    @Test func anEjectedInstanceIsPassedOverAndTriedOnesAreNotTriedAgain() {
        let set = set(3)
        #expect(fail(set, 1, .unreachable, times: 5, at: now) == ["1"])
        #expect(shares(set, of: 100, at: now)[1] == 0)
        var random = SeededRandom(seed: 1)
        let tried = [set.endpoints[0], set.endpoints[2]]
        #expect(set.hasAlternative(to: [set.endpoints[0]], at: now))
        #expect(!set.hasAlternative(to: tried, at: now))
        #expect(set.pick(excluding: tried, at: now, using: &random) === set.endpoints[1], "better than none")
        #expect(set.pick(excluding: set.endpoints, at: now, using: &random) == nil)
    }

    @Test func itReturnsWithOneProbeAndThenSlowly() {
        let set = set(2)
        fail(set, 1, .failure, times: 5, at: now)
        let back = now + .seconds(1)
        #expect(shares(set, of: 100, at: back - .nanoseconds(1))[1] == 0)
        #expect(shares(set, of: 100, at: back)[1] > 30, "whoever comes first is the probe")
        let probe = set.began(set.endpoints[1], at: back)
        #expect(shares(set, of: 100, at: back)[1] == 0, "one at a time")
        _ = set.record(set.endpoints[1], probe, .success, at: back)
        set.ended(set.endpoints[1], probe, at: back)
        // Half of the traffic when it has its whole weight.
        let shares = [0, 2, 5, 8, 10].map { self.shares(set, of: 4_000, at: back + .seconds($0))[1] }
        for (share, expected) in zip(shares, [200, 400, 1_000, 1_600, 2_000]) {
            #expect(abs(share - expected) < 150, "\(shares)")
        }
    }

    @Test func aProbeThatFailsEjectsItForLonger() {
        let set = set(2)
        fail(set, 1, .failure, times: 5, at: now)
        #expect(fail(set, 1, .failure, at: now + .seconds(1)) == ["1"], "one failure is enough")
        #expect(set.isEjected(set.endpoints[1], at: now + .milliseconds(2_999)))
        #expect(!set.isEjected(set.endpoints[1], at: now + .seconds(3)))
    }

    @Test func aProbeThatSaysNothingMakesRoomForTheNext() {
        let set = set(2)
        fail(set, 1, .failure, times: 5, at: now)
        fail(set, 1, .ignored, at: now + .seconds(1))
        #expect(shares(set, of: 100, at: now + .seconds(1))[1] > 30)
    }

    @Test func instancesThatStayKeepTheirState() {
        let one = (0..<3).map { ServiceInstance(service: "api", id: "\($0)", host: "127.0.0.1", port: 1000 + $0) }
        let list = Locked(one)
        let set = EndpointSet(service: "api") { _ in list.withLock { $0 } }
        var random = SeededRandom(seed: 1)
        _ = set.pick(excluding: [], at: now, using: &random)
        fail(set, 1, .unreachable, times: 5, at: now)
        list.withLock { $0 = [one[1], one[2]] }
        _ = set.pick(excluding: [], at: now + .milliseconds(30), using: &random)
        #expect(set.endpoints.map { set.isEjected($0, at: now) } == [true, false])
    }

    @Test func theBudgetBoundsSecondAttempts() {
        let set = set(2, retryBudget: RetryBudget.Configuration(share: 0.1, floorPerSecond: 0))
        for _ in 0..<100 { set.requestBegan(at: now) }
        #expect((0..<100).count { _ in set.mayTryAgain(at: now) } == 10)
        #expect(set.budget.numbers(at: MonotonicTime(now)).retries == 10)
    }

    @Test func theLessLoadedOfTwoIsTaken() {
        let set = set(2)
        _ = set.began(set.endpoints[0], at: now)
        #expect(shares(set, of: 50, at: now) == [0, 50])
    }

    @Test func anInstanceWithoutWeightGetsNothing() {
        #expect(shares(set(2, weights: [0, 100]), of: 50, at: now) == [0, 50])
        #expect(shares(set(1, weights: [0]), of: 50, at: now) == [0])
    }
}
