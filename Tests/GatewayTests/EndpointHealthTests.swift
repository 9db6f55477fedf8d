import ApusCoordination
import ApusPrimitives
import NIOCore
import Testing

@testable import ApusGateway

@Suite struct EndpointHealthTests {
    private let policy = EjectionPolicy()

    private func at(_ seconds: Double) -> NIODeadline { .uptimeNanoseconds(UInt64(seconds * 1e9)) }

    private func eject(_ health: inout EndpointHealth, at now: NIODeadline) -> Bool {
        for _ in 0..<policy.consecutiveFailures - 1 {
            #expect(health.failed(at: now, policy: policy, mayEject: true) == false)
        }
        return health.failed(at: now, policy: policy, mayEject: true)
    }

    @Test func onlyFailuresInARowEject() {
        var health = EndpointHealth()
        for _ in 0..<100 {
            _ = health.failed(at: at(0), policy: policy, mayEject: true)
            health.succeeded()
        }
        #expect(health.isAvailable(at: at(0)) == true)
        #expect(eject(&health, at: at(0)) == true)
        #expect(health.isAvailable(at: at(0)) == false)
    }

    @Test func itComesBackOnProbationAndIsEjectedForLonger() {
        var health = EndpointHealth()
        #expect(eject(&health, at: at(0)) == true)
        #expect(health.isAvailable(at: at(0.9)) == false)
        #expect(health.isAvailable(at: at(1)) == true)
        health.began()
        #expect(health.isAvailable(at: at(1)) == false, "one request at a time")
        #expect(health.failed(at: at(1), policy: policy, mayEject: true) == true, "one failure is enough")
        #expect(health.isAvailable(at: at(2.9)) == false)
        #expect(health.isAvailable(at: at(3)) == true)
        health.began()
        health.succeeded()
        #expect(health.phase == .healthy(failures: 0))
    }

    @Test func theTimeOfAnEjectionIsBounded() {
        var health = EndpointHealth()
        var now = 0.0
        #expect(eject(&health, at: at(now)) == true)
        for _ in 0..<100 {
            now += 30
            #expect(health.isAvailable(at: at(now)) == true)
            _ = health.failed(at: at(now), policy: policy, mayEject: true)
        }
        #expect(health.isAvailable(at: at(now + 30)) == true)
    }

    @Test func aProbeThatSaysNothingMakesRoomForTheNext() {
        var health = EndpointHealth()
        _ = eject(&health, at: at(0))
        #expect(health.isAvailable(at: at(1)) == true)
        health.began()
        health.ended()
        #expect(health.isAvailable(at: at(1)) == true)
    }

    @Test func anyOrderOfEventsLeavesAWayBack() {
        var random = SeededRandom(seed: 9)
        for _ in 0..<5_000 {
            var health = EndpointHealth()
            var now = 0.0
            for _ in 0..<40 {
                now += Double.random(in: 0...2, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: health.began()
                case 1: health.succeeded()
                case 2: _ = health.failed(at: at(now), policy: policy, mayEject: Bool.random(using: &random))
                case 3: health.ended()
                default: _ = health.isAvailable(at: at(now))
                }
            }
            health.ended()
            #expect(health.isAvailable(at: at(now + 31)) == true)
        }
    }
}

@Suite struct EndpointSetTests {
    private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func set(_ count: Int, weights: [Int] = []) -> EndpointSet {
        let instances = (0..<count).map {
            ServiceInstance(
                service: "api", id: "\($0)", host: "127.0.0.1", port: 1000 + $0,
                weight: weights.isEmpty ? 100 : weights[$0])
        }
        return EndpointSet(service: "api", policy: EjectionPolicy()) { _ in instances }
    }

    @Test func theLastInstanceIsNeverEjected() {
        for count in 1...4 {
            let set = set(count)
            var random = SeededRandom(seed: 1)
            _ = set.pick(excluding: [], at: now, using: &random)
            var ejected = 0
            for _ in 0..<20 {
                for endpoint in set.endpoints where set.failed(endpoint, connectionFailed: true, at: now) {
                    ejected += 1
                }
            }
            #expect(ejected == count - 1)
            #expect(set.pick(excluding: [], at: now, using: &random) != nil)
        }
    }

    @Test func answersEjectAtMostHalf() {
        for (count, expected) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
            let set = set(count)
            var random = SeededRandom(seed: 1)
            _ = set.pick(excluding: [], at: now, using: &random)
            for _ in 0..<20 {
                for endpoint in set.endpoints { _ = set.failed(endpoint, connectionFailed: false, at: now) }
            }
            #expect(set.endpoints.count { $0.health.isEjected(at: now) } == expected)
        }
    }

    @Test func anEjectedInstanceIsPassedOverAndTriedOnesAreNotTriedAgain() {
        let set = set(3)
        var random = SeededRandom(seed: 1)
        _ = set.pick(excluding: [], at: now, using: &random)
        for _ in 0..<5 { _ = set.failed(set.endpoints[1], connectionFailed: true, at: now) }
        for _ in 0..<100 {
            let first = set.pick(excluding: [], at: now, using: &random)
            #expect(first != nil && first !== set.endpoints[1])
        }
        let tried = [set.endpoints[0], set.endpoints[2]]
        #expect(set.pick(excluding: tried, at: now, using: &random) === set.endpoints[1], "better than none")
        #expect(set.pick(excluding: set.endpoints, at: now, using: &random) == nil)
    }

    @Test func theLessLoadedOfTwoIsTaken() {
        let set = set(2)
        var random = SeededRandom(seed: 1)
        _ = set.pick(excluding: [], at: now, using: &random)
        set.endpoints[0].began()
        for _ in 0..<50 { #expect(set.pick(excluding: [], at: now, using: &random) === set.endpoints[1]) }
    }

    @Test func anInstanceWithoutWeightGetsNothing() {
        let set = set(2, weights: [0, 100])
        var random = SeededRandom(seed: 1)
        for _ in 0..<50 { #expect(set.pick(excluding: [], at: now, using: &random)?.instance.id == "1") }
        let alone = self.set(1, weights: [0])
        #expect(alone.pick(excluding: [], at: now, using: &random) == nil)
    }
}
