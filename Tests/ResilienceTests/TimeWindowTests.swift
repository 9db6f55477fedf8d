import ApusPrimitives
import Testing

@testable import ApusResilience

@Suite struct TimeWindowTests {
    private func at(_ milliseconds: Int64) -> MonotonicTime { .zero + .milliseconds(milliseconds) }

    @Test func whatIsOlderThanTheWindowIsForgottenByTheBucket() {
        var window = TimeWindow<Int>(.milliseconds(100), buckets: 10)
        window.add(1, at: at(9))
        window.add(1, at: at(10))
        #expect(window.total(at: at(99)) == 2)
        #expect(window.total(at: at(100)) == 1)
        #expect(window.total(at: at(110)) == 0)
    }

    @Test func aClockThatGoesBackwardsLosesNothing() {
        var window = TimeWindow<Int>(.milliseconds(100), buckets: 10)
        window.add(1, at: at(500))
        window.add(1, at: at(100))
        #expect(window.total(at: at(100)) == 2)
        #expect(window.total(at: at(599)) == 2)
        #expect(window.total(at: at(600)) == 0)
    }

    @Test func itTellsWhenEnoughIsForgotten() {
        var window = TimeWindow<Int>(.milliseconds(100), buckets: 10)
        #expect(window.wait(from: at(0)) { $0 == 0 } == .zero)
        window.add(3, at: at(5))
        window.add(2, at: at(25))
        #expect(window.wait(from: at(30)) { $0 <= 2 } == .milliseconds(70))
        #expect(window.wait(from: at(30)) { $0 == 0 } == .milliseconds(90))
        #expect(window.wait(from: at(30)) { $0 < 0 } == nil)
    }

    @Test func itWorksAtTheEndsOfTime() {
        for moment in [MonotonicTime(nanoseconds: .min), .zero - .seconds(1), .distantFuture] {
            var window = TimeWindow<Int>(.seconds(1), buckets: 4)
            window.add(1, at: moment)
            #expect(window.total(at: moment) == 1)
            #expect(window.contents(at: moment).map(\.count).reduce(0, +) == 1)
            _ = window.wait(from: moment) { $0 == 0 }
        }
        var window = TimeWindow<Int>(.seconds(1), buckets: 4)
        window.add(1, at: MonotonicTime(nanoseconds: .min))
        window.add(1, at: .distantFuture)
        #expect(window.total == 1)
    }

    /// Every addition is kept for ever, with its bucket; buckets of 1 to 30 ms, the clock back and forth.
    @Test func agreesWithTheModel() {
        for seed in 0..<300 {
            var random = SeededRandom(seed: UInt64(seed))
            let buckets = Int.random(in: 1...12, using: &random)
            let step = Int64.random(in: 1...30, using: &random)
            var window = TimeWindow<Int>(.milliseconds(step * Int64(buckets)), buckets: buckets)
            var added: [(bucket: Int64, count: Int)] = []
            var now = Int64.random(in: 0...100, using: &random)
            for _ in 0..<200 {
                now = max(0, now + Int64.random(in: -5...25, using: &random))
                let newest = max(added.map(\.bucket).max() ?? 0, now / step)
                let expected = added.filter { newest - $0.bucket < Int64(buckets) }.map(\.count).reduce(0, +)
                #expect(window.total(at: at(now)) == expected, "seed \(seed)")
                #expect(window.contents(at: at(now)).map(\.count).reduce(0, +) == expected, "seed \(seed)")
                guard Bool.random(using: &random) else { continue }
                let count = Int.random(in: 0...5, using: &random)
                window.add(count, at: at(now))
                added.append((newest, count))
            }
        }
    }
}
