import ApusPrimitives
import Testing

@testable import ApusResilience

/// The limiters against `NaiveLimiter`, which remembers everything, and against what they promise.
@Suite struct RateLimiterModelTests {
    typealias Algorithm = RateLimiter.Algorithm

    private struct Call {
        let due: MonotonicTime
        let permits: Int
    }

    private func settings(_ algorithm: Algorithm, _ random: inout SeededRandom) -> RateLimiter.Configuration {
        // Periods that the permits do not divide, so that rounding would show.
        RateLimiter.Configuration(
            algorithm: algorithm, permits: Int.random(in: 1...12, using: &random),
            per: .nanoseconds(Int64.random(in: 1_000_000...20_000_000, using: &random)),
            burst: Bool.random(using: &random) ? nil : Int.random(in: 1...15, using: &random),
            maxWait: .nanoseconds([0, 1_000_000, 30_000_000].randomElement(using: &random)!))
    }

    @Test(arguments: Algorithm.allCases) func agreesWithTheModelToTheNanosecond(_ algorithm: Algorithm) {
        var outcomes = [0, 0, 0]
        for seed in 0..<150 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let settings = settings(algorithm, &random)
            var limiter = RateLimiter(configuration: settings)
            var model = NaiveLimiter(settings)
            var now = MonotonicTime(nanoseconds: Int64.random(in: 0...1_000_000_000, using: &random))
            for step in 0..<60 {
                now =
                    now
                    + .nanoseconds(Int64.random(in: 0...[0, 4_000_000].randomElement(using: &random)!, using: &random))
                let count = Int.random(in: 1...min(3, settings.effectiveBurst), using: &random)
                let expected = model.acquire(count, at: now)
                let wait = try? limiter.acquire(count, at: now)
                #expect(wait == expected, "\(algorithm), seed \(seed), step \(step)")
                outcomes[wait == nil ? 0 : wait == .zero ? 1 : 2] += 1
            }
        }
        #expect(outcomes.allSatisfy { $0 > 500 }, "\(outcomes)")
    }

    /// Calls that give up and others that take their places, with many permits (the window merges its entries) and few.
    @Test(arguments: Algorithm.allCases) func neverMoreThanPromisedInAnyStretchOfTime(_ algorithm: Algorithm) {
        var placesTaken = 0
        for seed in 0..<60 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let permits = [1, 3, 20, 64, 65, 200].randomElement(using: &random)!
            let settings = RateLimiter.Configuration(
                algorithm: algorithm, permits: permits, per: .milliseconds(Int.random(in: 1...30, using: &random)),
                burst: Bool.random(using: &random) ? nil : Int.random(in: 1...10, using: &random),
                maxWait: .milliseconds(40))
            var limiter = RateLimiter(configuration: settings)
            var now = MonotonicTime.zero
            var waiting: [Call] = []
            var gone: [Call] = []
            var latest = MonotonicTime.zero
            for _ in 0..<300 {
                now = now + .nanoseconds(Int64.random(in: 0...Int64(2_000_000), using: &random))
                gone += waiting.filter { $0.due <= now }
                waiting.removeAll { $0.due <= now }
                if let index = waiting.indices.randomElement(using: &random), Int.random(in: 0..<4, using: &random) == 0
                {
                    let call = waiting.remove(at: index)
                    limiter.giveBack(call.permits, due: call.due, at: now)
                    continue
                }
                let count = Int.random(in: 1...min(5, settings.effectiveBurst), using: &random)
                guard let wait = try? limiter.acquire(count, at: now) else { continue }
                if now + wait < latest { placesTaken += 1 }
                latest = max(latest, now + wait)
                waiting.append(Call(due: now + wait, permits: count))
            }
            gone = (gone + waiting).sorted { $0.due < $1.due }
            #expect(conforms(gone, settings), "\(algorithm), seed \(seed)")
        }
        #expect(placesTaken > 50, "\(placesTaken)")
    }

    private func conforms(_ calls: [Call], _ settings: RateLimiter.Configuration) -> Bool {
        for first in calls.indices {
            var sum = 0
            for last in first..<calls.count {
                sum += calls[last].permits
                let length = Int128((calls[last].due - calls[first].due).nanoseconds)
                // Waits are rounded up to the nanosecond, so two of them may be one closer together than they should.
                let period = Int128(settings.per.nanoseconds)
                if settings.algorithm == .slidingWindow {
                    if length < period && sum > settings.permits { return false }
                } else if Int128(sum - settings.effectiveBurst) * period > (length + 1) * Int128(settings.permits) {
                    return false
                }
            }
        }
        return true
    }

    @Test func theBucketAndTheGCRADecideAlikeUnderAnySettingsAndChanges() {
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            func configuration(_ algorithm: Algorithm, _ random: SeededRandom) -> RateLimiter.Configuration {
                var copy = random
                return settings(algorithm, &copy)
            }
            var bucket = RateLimiter(configuration: configuration(.tokenBucket, random))
            var gcra = RateLimiter(configuration: configuration(.gcra, random))
            var now = MonotonicTime.zero
            for step in 0..<100 {
                now = now + .nanoseconds(Int64.random(in: 0...6_000_000, using: &random))
                if Int.random(in: 0..<20, using: &random) == 0 {
                    bucket.reconfigure(configuration(.tokenBucket, random), at: now)
                    gcra.reconfigure(configuration(.gcra, random), at: now)
                }
                let count = Int.random(in: 1...4, using: &random)
                let (left, right) = (try? bucket.acquire(count, at: now), try? gcra.acquire(count, at: now))
                #expect(left == right, "seed \(seed), step \(step)")
                #expect(bucket.available(at: now) == gcra.available(at: now), "seed \(seed), step \(step)")
            }
        }
    }

    /// Above 64 permits the window merges entries: at most a 64th of the window is lost, and memory has a bound.
    @Test func aLargeWindowIsLateByASixtyFourthAtMostAndSmall() {
        let configuration = RateLimiter.Configuration(
            algorithm: .slidingWindow, permits: 10_000, per: .seconds(64), maxWait: .seconds(1_000))
        let rate = LimitRate(configuration)
        var window = SlidingWindowLimit()
        var random = SeededRandom(seed: 9)
        var used: [MonotonicTime] = []
        var now = MonotonicTime.zero
        for _ in 0..<40_000 {
            now = now + .nanoseconds(Int64.random(in: 0...10_000_000, using: &random))
            let wait = window.reserve(1, rate, at: now, limit: .max)
            let turn = now + .nanoseconds(wait)
            let earliest = max(now, used.last ?? now)
            let exact = used.count < 10_000 ? earliest : max(earliest, used[used.count - 10_000] + .seconds(64))
            #expect(turn >= exact && turn <= exact + .milliseconds(1_001))
            used.append(turn)
            #expect(window.entryCount <= SlidingWindowLimit.entriesPerWindow + 2)
        }
    }

    @Test func placesThatAreGivenBackAreBounded() {
        var places = VacantPlaces()
        for index in 1...1_000 { places.add(1, due: .zero + .seconds(index), at: .zero) }
        var taken = 0
        while places.take(1, at: .zero, before: .max) != nil { taken += 1 }
        #expect(taken == VacantPlaces.maximum)
        #expect(places.isEmpty)
    }
}
