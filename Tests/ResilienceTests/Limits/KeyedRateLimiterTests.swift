import ApusPrimitives
import ApusResilience
import Foundation
import TestSupport
import Testing

@Suite struct KeyedRateLimiterTests {
    private let start = MonotonicTime(nanoseconds: 5_000_000_000)

    private func limiter(
        maxKeys: Int, permits: Int = 2, maxWait: Duration = .zero
    ) -> KeyedRateLimiter<String> {
        KeyedRateLimiter(
            "users",
            configuration: KeyedRateLimit(
                RateLimiter.Configuration(algorithm: .gcra, permits: permits, maxWait: maxWait), maxKeys: maxKeys))
    }

    @Test func eachKeyHasItsOwnLimit() throws {
        var limiter = limiter(maxKeys: 10)
        for key in ["ann", "bob"] {
            #expect(try limiter.acquire(2, for: key, at: start) == .zero)
            #expect(throws: ResilienceError.self) { try limiter.acquire(for: key, at: start) }
        }
        #expect(limiter.available(for: "bob", at: start) == 0)
        #expect(limiter.available(for: "eve", at: start) == 2)
        #expect(limiter.keyCount == 2)
    }

    @Test func memoryIsBoundedHoweverManyKeysCome() throws {
        var limiter = limiter(maxKeys: 50)
        for index in 0..<10_000 {
            _ = try? limiter.acquire(for: "\(index)", at: start + .milliseconds(index))
            #expect(limiter.keyCount <= 50)
        }
        #expect(limiter.keyCount == 50)
    }

    @Test func aKeyWithAllItsPermitsGivesItsPlaceToAnother() throws {
        var limiter = limiter(maxKeys: 2)
        _ = try limiter.acquire(2, for: "ann", at: start)
        _ = try limiter.acquire(1, for: "bob", at: start)
        // Bob has all his permits again, though ann was not used for longer.
        _ = try limiter.acquire(2, for: "eve", at: start + .milliseconds(500))
        #expect(limiter.available(for: "ann", at: start + .milliseconds(500)) == 1)
        #expect(limiter.keyCount == 2)
        #expect(limiter.sharedCalls == 0)
    }

    @Test func whenTooManyKeysAreInUseFurtherOnesShareOneLimit() throws {
        var limiter = limiter(maxKeys: 2)
        for key in ["ann", "bob"] { _ = try limiter.acquire(2, for: key, at: start) }
        _ = try limiter.acquire(for: "eve", at: start)
        _ = try limiter.acquire(for: "dan", at: start)
        let error = try #require(throws: ResilienceError.self) { try limiter.acquire(for: "kim", at: start) }
        #expect(error.code == .rateLimited)
        #expect(
            error.message
                == "the next permit in 0.5 seconds; the limit is 2 in 1.0 seconds; "
                + "shared with others, because 2 keys are in use")
        #expect(error.retryAfter == .milliseconds(500))
        #expect(limiter.sharedCalls == 3)
        // As soon as a place is free, they have their own.
        _ = try limiter.acquire(2, for: "kim", at: start + .seconds(1))
        _ = try limiter.acquire(2, for: "dan", at: start + .seconds(1))
        #expect(limiter.sharedCalls == 3)
    }

    @Test func aChangeReachesEveryKeyAndKeepsWhatIsUsed() throws {
        var limiter = limiter(maxKeys: 10, permits: 10)
        _ = try limiter.acquire(9, for: "ann", at: start)
        limiter.reconfigure(KeyedRateLimit(.init(algorithm: .gcra, permits: 20), maxKeys: 10), at: start)
        #expect(limiter.available(for: "ann", at: start) == 1)
        #expect(limiter.available(for: "bob", at: start) == 20)
    }

    @Test func fewerKeysForgetTheLongestUnused() throws {
        var limiter = limiter(maxKeys: 4)
        for key in ["a", "b", "c", "d", "b"] { _ = try limiter.acquire(for: key, at: start) }
        limiter.reconfigure(KeyedRateLimit(limiter.configuration.limit, maxKeys: 2), at: start)
        #expect(limiter.keyCount == 2)
        #expect(limiter.available(for: "b", at: start) == 0)
        #expect(limiter.available(for: "d", at: start) == 1)
        #expect(limiter.available(for: "c", at: start) == 2, "forgotten")
    }

    @Test func aPlaceGoesBackToItsKey() throws {
        var limiter = limiter(maxKeys: 4, permits: 1, maxWait: .seconds(1))
        #expect(try limiter.acquire(for: "ann", at: start) == .zero)
        #expect(try limiter.acquire(for: "ann", at: start) == .seconds(1))
        limiter.giveBack(for: "ann", due: start + .seconds(1), at: start)
        limiter.giveBack(for: "bob", due: start + .seconds(1), at: start)
        #expect(try limiter.acquire(for: "ann", at: start) == .seconds(1))
        #expect(throws: ResilienceError.self) { try limiter.acquire(for: "ann", at: start) }
    }

    @Test func callsOfAKeyWaitForTheirTurnAndGiveItBack() async throws {
        let time = ManualTime()
        let limiter = Locked(limiter(maxKeys: 4, permits: 1, maxWait: .seconds(1)))
        try await limiter.wait(for: "ann", on: time.source)
        let gone = Task { try await limiter.wait(for: "ann", on: time.source) }
        try await time.waitForSleepers()
        await #expect(throws: ResilienceError.self) { try await limiter.wait(for: "ann", on: time.source) }
        gone.cancel()
        await #expect(throws: CancellationError.self) { try await gone.value }
        let next = Task { try await limiter.run(for: "ann", on: time.source) { 5 } }
        try await time.waitForSleepers()
        time.advance(by: .seconds(1))
        #expect(try await next.value == 5)
    }

    @Test func itIsReadFromJSONStrictly() throws {
        func read(_ text: String) throws -> KeyedRateLimit {
            try JSONDecoder().decode(KeyedRateLimit.self, from: Data(text.utf8))
        }
        let value = KeyedRateLimit(RateLimiter.Configuration(permits: 3), maxKeys: 7)
        #expect(try read(#"{"limit": {"permits": 3}, "maxKeys": 7}"#) == value)
        #expect(try JSONDecoder().decode(KeyedRateLimit.self, from: JSONEncoder().encode(value)) == value)
        for wrong in [
            "{}", #"{"limit": {"permits": 0}}"#, #"{"limit": {"permits": 1}, "maxKeys": 0}"#,
            #"{"limit": {"permits": 1}, "keys": 1}"#,
        ] {
            #expect(throws: DecodingError.self) { try read(wrong) }
        }
        #expect(KeyedRateLimit(RateLimiter.Configuration(permits: 3), maxKeys: 0).maxKeys == 1)
    }

    /// Against a list of limiters in the order of their last use, searched from the front.
    @Test func agreesWithAListOfLimiters() {
        var shared = 0
        for seed in 0..<100 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let maxKeys = Int.random(in: 1...12, using: &random)
            let limit = RateLimiter.Configuration(
                algorithm: .gcra, permits: Int.random(in: 1...4, using: &random), per: .milliseconds(10),
                maxWait: .milliseconds(Int.random(in: 0...10, using: &random)))
            var limiter = KeyedRateLimiter<Int>(configuration: KeyedRateLimit(limit, maxKeys: maxKeys))
            var list: [(key: Int, limiter: RateLimiter)] = []
            var others = RateLimiter(configuration: limit)
            var now = MonotonicTime.zero
            for step in 0..<200 {
                now = now + .microseconds(Int.random(in: 0...3_000, using: &random))
                let key = Int.random(in: 0..<20, using: &random)
                let wait = try? limiter.acquire(for: key, at: now)

                var index = list.firstIndex { $0.key == key }
                if index == nil, list.count == maxKeys,
                    let idle = list.prefix(8).firstIndex(where: { $0.limiter.available(at: now) == limit.permits })
                {
                    list.remove(at: idle)
                }
                if index == nil, list.count < maxKeys {
                    list.append((key, RateLimiter(configuration: limit)))
                    index = list.count - 1
                }
                let expected: Duration?
                if let index {
                    var entry = list.remove(at: index)
                    expected = try? entry.limiter.acquire(at: now)
                    list.append(entry)
                } else {
                    expected = try? others.acquire(at: now)
                    shared += 1
                }
                #expect(wait == expected, "seed \(seed), step \(step)")
                #expect(limiter.keyCount == list.count)
            }
        }
        #expect(shared > 1_000)
    }
}
