import ApusPrimitives
import ApusResilience
import Foundation
import Testing

@Suite struct RateLimiterReconfigureTests {
    typealias Algorithm = RateLimiter.Algorithm
    typealias Configuration = RateLimiter.Configuration

    private let start = MonotonicTime(nanoseconds: 5_000_000_000)

    @Test(arguments: Algorithm.allCases) func permitsThatWereUsedStayUsed(_ algorithm: Algorithm) throws {
        var limiter = RateLimiter(configuration: Configuration(algorithm: algorithm, permits: 10))
        _ = try limiter.acquire(7, at: start)
        limiter.reconfigure(
            Configuration(algorithm: algorithm, permits: 10, per: .seconds(60), maxWait: .seconds(1)), at: start)
        #expect(limiter.available(at: start) == 3)
    }

    @Test(arguments: [Algorithm.tokenBucket, .gcra]) func aSmallerBurstTakesTheRest(_ algorithm: Algorithm) throws {
        var limiter = RateLimiter(configuration: Configuration(algorithm: algorithm, permits: 10))
        _ = try limiter.acquire(3, at: start)
        limiter.reconfigure(Configuration(algorithm: algorithm, permits: 5), at: start)
        #expect(limiter.available(at: start) == 5)
        limiter.reconfigure(Configuration(algorithm: algorithm, permits: 20), at: start)
        #expect(limiter.available(at: start) == 5, "what a larger burst adds must come first")
        #expect(limiter.available(at: start + .seconds(1)) == 20)
    }

    @Test func aSmallerWindowLimitCountsTheCallsOfBefore() throws {
        var limiter = RateLimiter(configuration: Configuration(algorithm: .slidingWindow, permits: 10))
        _ = try limiter.acquire(7, at: start)
        limiter.reconfigure(Configuration(algorithm: .slidingWindow, permits: 5), at: start)
        #expect(limiter.available(at: start) == 0)
        #expect(limiter.available(at: start + .seconds(1)) == 5)
    }

    @Test(arguments: [Algorithm.tokenBucket, .gcra]) func theLineIsForgivenBeyondTheNewWait(
        _ algorithm: Algorithm
    ) throws {
        var limiter = RateLimiter(
            configuration: Configuration(algorithm: algorithm, permits: 1_000, burst: 1, maxWait: .seconds(10)))
        for _ in 0..<1_001 { _ = try limiter.acquire(at: start) }
        // A thousand calls wait; at one a minute the next would be told to wait for most of a day.
        limiter.reconfigure(
            Configuration(algorithm: algorithm, permits: 1, per: .seconds(60), maxWait: .seconds(120)), at: start)
        let error = try #require(throws: ResilienceError.self) { try limiter.acquire(at: start) }
        #expect(error.retryAfter == .seconds(60))
    }

    @Test func anotherAlgorithmBeginsWithThePermitsThatAreThere() throws {
        for from in Algorithm.allCases {
            for to in Algorithm.allCases where to != from {
                var limiter = RateLimiter(configuration: Configuration(algorithm: from, permits: 10))
                _ = try limiter.acquire(6, at: start)
                limiter.reconfigure(Configuration(algorithm: to, permits: 10), at: start)
                #expect(limiter.available(at: start) == 4, "\(from) to \(to)")
                #expect(limiter.configuration.algorithm == to)
            }
        }
    }

    @Test func valuesOutOfRangeMoveToTheNearest() {
        let least = Configuration(permits: -1, per: .zero, burst: 0, maxWait: .seconds(-1))
        #expect(least == Configuration(permits: 1, per: .milliseconds(1), burst: 1, maxWait: .zero))
        let most = Configuration(permits: .max, per: .seconds(Int64.max), burst: .max, maxWait: .seconds(Int64.max))
        #expect(most.permits == 1_000_000_000 && most.burst == 1_000_000_000)
        #expect(most.per == .seconds(366 * 86_400) && most.maxWait == .seconds(86_400))
        #expect(Configuration(algorithm: .slidingWindow, permits: 5, burst: 9).effectiveBurst == 5)
        #expect(Configuration(permits: 5).effectiveBurst == 5)
    }

    @Test func itIsWrittenAndReadAsJSON() throws {
        let full = Configuration(
            algorithm: .gcra, permits: 7, per: .milliseconds(2_500), burst: 3, maxWait: .milliseconds(40))
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = String(decoding: try encoder.encode(full), as: UTF8.self)
        #expect(
            text
                == #"{"algorithm":"gcra","burst":3,"maxWaitMilliseconds":40,"perMilliseconds":2500,"permits":7}"#)
        #expect(try decoded(text) == full)
        #expect(try decoded(#"{"permits": 9}"#) == Configuration(permits: 9))
    }

    @Test(arguments: [
        ("{}", "permits: missing; it has no default"),
        (#"{"permits": 0}"#, "permits: 0 is not a whole number from 1 to 1000000000"),
        (#"{"permits": 1, "per": 5}"#, "per: not a setting; the settings here are "),
        (
            #"{"permits": 1, "perMilliseconds": 0}"#,
            "perMilliseconds: 0 is not whole milliseconds from 1 to 31622400000"
        ),
        (#"{"permits": 1, "burst": "x"}"#, "burst: “x” is not a whole number from 1 to 1000000000"),
        (#"{"permits": 1, "maxWaitMilliseconds": -1}"#, "maxWaitMilliseconds: -1 is not whole milliseconds"),
        (#"{"permits": 1, "algorithm": "leaky"}"#, "algorithm: “leaky” is not one of tokenBucket, gcra, slidingWindow"),
        (
            #"{"permits": 1, "algorithm": "slidingWindow", "burst": 3}"#,
            "burst: 3 is not allowed with a sliding window, which has no burst"
        ),
    ])
    func readingIsStrict(_ text: String, _ problem: String) throws {
        let error = try #require(throws: DecodingError.self) { try decoded(text) }
        guard case .dataCorrupted(let context) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(context.debugDescription.hasPrefix(problem), "\(context.debugDescription)")
    }

    private func decoded(_ text: String) throws -> Configuration {
        try JSONDecoder().decode(Configuration.self, from: Data(text.utf8))
    }
}
