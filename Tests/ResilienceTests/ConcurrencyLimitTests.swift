import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

@Suite struct ConcurrencyLimitTests {
    /// Windows of five outcomes, moved all the way, so that one window shows what it does.
    private static let settings = ConcurrencyLimit.Configuration(
        initialLimit: 100, minimumLimit: 5, maximumLimit: 200, tolerance: 2, smoothing: 1,
        sampleWindow: .milliseconds(1), minimumSamples: 5, probeInterval: .seconds(10))

    private var now = MonotonicTime(nanoseconds: 1_000_000_000)

    /// A limit whose baseline of 10 ms was measured in passing.
    private mutating func limit() throws -> ConcurrencyLimit {
        var limit = ConcurrencyLimit("search", configuration: Self.settings)
        try pass(&limit, requests: 5, taking: .milliseconds(10))
        return limit
    }

    /// As many requests at once, all of which end after the same time.
    private mutating func pass(
        _ limit: inout ConcurrencyLimit, requests: Int, taking latency: Duration,
        _ outcome: ConcurrencyLimit.Outcome = .completed
    ) throws {
        let permits = try (0..<requests).map { _ in try limit.acquire(.critical, at: now) }
        now = now + latency
        for permit in permits { limit.release(permit, outcome, at: now) }
    }

    @Test func itBeginsAtTheInitialLimit() throws {
        var limit = ConcurrencyLimit(configuration: Self.settings)
        for _ in 0..<100 { _ = try limit.acquire(.critical, at: now) }
        #expect(limit.inFlight == 100)
        #expect(throws: ResilienceError.self) { try limit.acquire(.critical, at: now) }
    }

    @Test func whatMattersLeastGoesFirst() throws {
        var limit = ConcurrencyLimit(configuration: Self.settings)
        #expect(RequestPriority.allCases.map { limit.limit(for: $0) } == [50, 70, 90, 100])
        for priority in RequestPriority.allCases {
            while let _ = try? limit.acquire(priority, at: now) {}
            #expect(limit.inFlight == limit.limit(for: priority))
        }
    }

    @Test func thePriorityIsThatOfTheTask() throws {
        var limit = ConcurrencyLimit(configuration: Self.settings)
        RequestPriority.$current.withValue(.sheddable) {
            while let _ = try? limit.acquire(at: now) {}
        }
        #expect(limit.inFlight == 50)
    }

    @Test func everyPriorityHasAPlaceWhenNothingIsInFlight() throws {
        let smallest = ConcurrencyLimit.Configuration(initialLimit: 1, minimumLimit: 1, maximumLimit: 1)
        for priority in RequestPriority.allCases {
            var limit = ConcurrencyLimit(configuration: smallest)
            _ = try limit.acquire(priority, at: now)
        }
    }

    @Test mutating func aRefusalSaysWhichPolicyOnWhatNumbersAndWhenToTryAgain() throws {
        var limit = try limit()
        for _ in 0..<90 { _ = try limit.acquire(.normal, at: now) }
        let error = try #require(throws: ResilienceError.self) { try limit.acquire(.normal, at: now) }
        #expect(error.code == .overloaded)
        #expect(error.policy == "search")
        let latency = try #require(limit.latency)
        #expect(abs(latency.seconds - 0.01) < 0.001)
        let milliseconds = (latency.seconds * 10_000).rounded() / 10
        #expect(
            error.message
                == "90 requests are in flight, the limit is 100, 90 for normal ones; "
                + "they take \(milliseconds) ms, without a queue \(milliseconds) ms")
        #expect(error.retryAfter == latency)
    }

    @Test mutating func theMoreAreRefusedTheLaterTheyShouldComeBack() throws {
        var limit = try limit()
        for _ in 0..<100 { _ = try limit.acquire(.critical, at: now) }
        var last: ResilienceError?
        for _ in 0..<201 {
            do { _ = try limit.acquire(.critical, at: now) } catch { last = error }
        }
        #expect(last?.retryAfter == (try #require(limit.latency)) * 3)
    }

    @Test mutating func nobodyIsSentAwayForMoreThanHalfAMinute() throws {
        var limit = ConcurrencyLimit(configuration: Self.settings)
        try pass(&limit, requests: 5, taking: .seconds(20))
        for _ in 0..<100 { _ = try limit.acquire(.critical, at: now) }
        var last: ResilienceError?
        for _ in 0..<201 {
            do { _ = try limit.acquire(.critical, at: now) } catch { last = error }
        }
        #expect(last?.retryAfter == .seconds(30))
    }

    @Test func beforeAnythingIsKnownTheCallerComesBackAfterATenthOfASecond() throws {
        var limit = ConcurrencyLimit(configuration: .init(initialLimit: 1, minimumLimit: 1))
        _ = try limit.acquire(.critical, at: now)
        let error = try #require(throws: ResilienceError.self) { try limit.acquire(.critical, at: now) }
        #expect(error.retryAfter == .milliseconds(100))
    }

    @Test mutating func latenciesBelowHalfOfTheLimitAreThoseWithoutAQueue() throws {
        var limit = try limit()
        #expect(abs((try #require(limit.baseline)).seconds - 0.01) < 0.001)
        for _ in 0..<30 { try pass(&limit, requests: 5, taking: .milliseconds(40)) }
        #expect(abs((try #require(limit.baseline)).seconds - 0.04) < 0.003)
        #expect(limit.limit == 100, "nobody felt it")
    }

    @Test mutating func untilTheFirstQueueItDoubles() throws {
        var limit = try limit()
        try pass(&limit, requests: 60, taking: .milliseconds(10))
        #expect(limit.limit == 200)
    }

    @Test mutating func fromThenOnABusyLimitWithoutAQueueRisesByItsRoot() throws {
        var limit = try limit()
        try pass(&limit, requests: 60, taking: .milliseconds(30))
        // What ended after the window is in the next.
        try pass(&limit, requests: 60, taking: .milliseconds(10))
        let before = limit.limit
        try pass(&limit, requests: 40, taking: .milliseconds(10))
        #expect(abs(Double(limit.limit) - Double(before) - Double(before).squareRoot()) < 1.5)
    }

    @Test mutating func nothingFollowsFromAFirstLatencyThatMayHaveAQueueInIt() throws {
        var limit = ConcurrencyLimit(configuration: Self.settings)
        try pass(&limit, requests: 100, taking: .milliseconds(200))
        #expect(limit.isProbing == true)
        #expect(limit.limit == 50)
        #expect(limit.baseline == nil)
    }

    @Test mutating func aMeasurementGoesOnAtHalfItsLimitAsLongAsThatHelps() throws {
        var limit = ConcurrencyLimit(configuration: Self.settings)
        try pass(&limit, requests: 100, taking: .milliseconds(200))
        var limits: [Int] = []
        for latency in [100, 50, 25, 24] {
            limits.append(limit.limit)
            try pass(&limit, requests: limit.limit, taking: .milliseconds(latency))
        }
        #expect(limits == [50, 25, 12, 6])
        #expect(limit.isProbing == false)
        #expect(abs((try #require(limit.baseline)).seconds - 0.024) < 0.0015)
        // 100 × 2 × 24 ÷ 200, and its root.
        #expect((26...33).contains(limit.limit), "\(limit.limit)")
    }

    @Test mutating func aMeasurementEndsAtTheMinimum() throws {
        var limit = ConcurrencyLimit(configuration: Self.settings)
        try pass(&limit, requests: 100, taking: .seconds(100))
        var rounds = 0
        while limit.isProbing, rounds < 20 {
            rounds += 1
            try pass(&limit, requests: limit.limit, taking: .seconds(50) / (1 << rounds))
        }
        #expect(rounds == 5, "at 50, 25, 12, 6, 5")
    }

    @Test mutating func aLatencyWithinTheToleranceDoesNotLowerIt() throws {
        var limit = try limit()
        try pass(&limit, requests: 60, taking: .milliseconds(18))
        #expect(limit.limit > 100)
    }

    @Test mutating func aQueueLowersIt() throws {
        var limit = try limit()
        try pass(&limit, requests: 60, taking: .milliseconds(30))
        // 100 × 2 × 10 ÷ 30 + √100
        #expect((75...79).contains(limit.limit), "\(limit.limit)")
    }

    @Test mutating func oneWindowNeverTakesMoreThanHalf() throws {
        var limit = try limit()
        try pass(&limit, requests: 60, taking: .seconds(3))
        #expect(limit.limit == 60)
    }

    @Test mutating func droppedRequestsLowerItByHalfOfTheirShare() throws {
        var limit = try limit()
        try pass(&limit, requests: 6, taking: .seconds(1), .dropped)
        #expect(limit.limit == 50)
        #expect(abs((try #require(limit.baseline)).seconds - 0.01) < 0.001, "a timeout is no latency")
    }

    @Test mutating func aCalleeThatNeverAnsweredGetsTheLeast() throws {
        var limit = ConcurrencyLimit(configuration: Self.settings)
        var rounds = 0
        while limit.limit > 5, rounds < 100 {
            rounds += 1
            try pass(&limit, requests: limit.limit, taking: .seconds(1), .dropped)
        }
        #expect(limit.limit == 5 && rounds < 20, "\(rounds)")
    }

    @Test mutating func ignoredOutcomesOnlyGiveTheirPlaceBack() throws {
        var limit = try limit()
        for _ in 0..<50 { try pass(&limit, requests: 60, taking: .microseconds(1), .ignored) }
        #expect(limit.limit == 100)
        #expect(limit.inFlight == 0)
        #expect(abs((try #require(limit.baseline)).seconds - 0.01) < 0.001)
    }

    @Test mutating func itStaysBetweenItsBounds() throws {
        var limit = try limit()
        for _ in 0..<60 { try pass(&limit, requests: limit.limit, taking: .milliseconds(10)) }
        #expect(limit.limit == 200)
        for _ in 0..<60 { try pass(&limit, requests: limit.limit, taking: .seconds(1), .dropped) }
        #expect(limit.limit == 5)
    }

    @Test mutating func itHalvesItselfToMeasureAgainWhenTheMeasurementIsOld() throws {
        var limit = try limit()
        now = now + .seconds(9.9)
        try pass(&limit, requests: 60, taking: .milliseconds(30))
        #expect(limit.isProbing == false)
        now = now + .seconds(1)
        let permits = try (0..<60).map { _ in try limit.acquire(.critical, at: now) }
        now = now + .milliseconds(20)
        for permit in permits { limit.release(permit, .completed, at: now) }
        #expect(limit.isProbing == true)
        let halved = limit.limit
        #expect((25...40).contains(halved))
        #expect(throws: ResilienceError.self) {
            for _ in 0...halved { _ = try limit.acquire(.critical, at: now) }
        }
    }

    @Test mutating func onlyRequestsOfTheMeasurementCountInIt() throws {
        var limit = try limit()
        let old = try (0..<60).map { _ in try limit.acquire(.critical, at: now) }
        now = now + .seconds(11)
        for permit in old[..<10] { limit.release(permit, .completed, at: now) }
        #expect(limit.isProbing == true)
        for permit in old[10...] { limit.release(permit, .completed, at: now) }
        #expect(limit.isProbing == true, "what began before it says nothing")
        for _ in 0..<2 { try pass(&limit, requests: 5, taking: .milliseconds(20)) }
        #expect(limit.isProbing == false)
        #expect(abs((try #require(limit.baseline)).seconds - 0.02) < 0.002)
    }

    @Test mutating func aMeasurementThatNothingAnswersEndsWithoutOne() throws {
        var limit = try limit()
        now = now + .seconds(11)
        try pass(&limit, requests: 60, taking: .milliseconds(10))
        #expect(limit.isProbing == true)
        try pass(&limit, requests: 5, taking: .seconds(1), .dropped)
        #expect(limit.isProbing == false)
        #expect(abs((try #require(limit.baseline)).seconds - 0.01) < 0.001)
    }

    @Test mutating func aCalleeThatBecameSlowIsMeasuredAgainBeforeItStarves() throws {
        var limit = try limit()
        var rounds = 0
        while !limit.isProbing && rounds < 20 {
            try pass(&limit, requests: limit.limit(for: .critical), taking: .milliseconds(100))
            rounds += 1
        }
        #expect(limit.isProbing == true)
        try pass(&limit, requests: limit.limit, taking: .milliseconds(100))
        #expect(abs((try #require(limit.baseline)).seconds - 0.1) < 0.01)
        let low = limit.limit
        for _ in 0..<20 { try pass(&limit, requests: limit.limit, taking: .milliseconds(100)) }
        #expect(limit.limit > low * 2, "100 ms is its latency now: there is no queue, so it may rise")
    }

    @Test func aPermitReleasedTwiceFreesNoMoreThanThereIs() throws {
        var limit = ConcurrencyLimit(configuration: Self.settings)
        let permit = try limit.acquire(.critical, at: now)
        limit.release(permit, .ignored, at: now)
        limit.release(permit, .ignored, at: now)
        #expect(limit.inFlight == 0)
    }

    @Test mutating func reconfiguringKeepsWhatWasLearntWithinTheNewBounds() throws {
        var limit = try limit()
        _ = try limit.acquire(.critical, at: now)
        limit.reconfigure(ConcurrencyLimit.Configuration(minimumLimit: 1, maximumLimit: 40), at: now)
        #expect(limit.limit == 40)
        #expect(limit.inFlight == 1)
        #expect(limit.baseline != nil)
        limit.reconfigure(ConcurrencyLimit.Configuration(minimumLimit: 60), at: now)
        #expect(limit.limit == 60)
    }

    @Test mutating func newBoundsHoldDuringAMeasurementToo() throws {
        var limit = ConcurrencyLimit(configuration: Self.settings)
        try pass(&limit, requests: 100, taking: .milliseconds(200))
        #expect(limit.isProbing && limit.limit == 50)
        limit.reconfigure(ConcurrencyLimit.Configuration(minimumLimit: 1, maximumLimit: 10), at: now)
        #expect(limit.isProbing && limit.limit == 10)
        limit.reconfigure(ConcurrencyLimit.Configuration(minimumLimit: 20), at: now)
        #expect(limit.limit == 20)
    }

    @Test func settingsOutOfRangeMoveToTheNearestInRange() {
        let low = ConcurrencyLimit.Configuration(
            initialLimit: -1, minimumLimit: -1, maximumLimit: -1, tolerance: .nan, smoothing: 0, sampleWindow: .zero,
            minimumSamples: 0, probeInterval: .zero, shares: .init(normal: -1, background: 2, sheddable: .nan))
        #expect(
            low
                == ConcurrencyLimit.Configuration(
                    initialLimit: 1, minimumLimit: 1, maximumLimit: 1, tolerance: 1.1, smoothing: 0.05,
                    sampleWindow: .milliseconds(1), minimumSamples: 5, probeInterval: .milliseconds(100),
                    shares: .init(normal: 0.01, background: 0.01, sheddable: 0.01)))
        let high = ConcurrencyLimit.Configuration(
            initialLimit: .max, minimumLimit: 7, maximumLimit: .max, tolerance: 11, smoothing: 2)
        #expect(high.initialLimit == 100_000 && high.maximumLimit == 100_000)
        #expect(high.tolerance == 10 && high.smoothing == 1)
    }
}

@Suite struct ConcurrencyLimitRunTests {
    private struct Failed: Error {}

    private let time = ManualTime()
    private let limit = Locked(
        ConcurrencyLimit(
            configuration: ConcurrencyLimit.Configuration(
                initialLimit: 10, minimumLimit: 1, smoothing: 1, sampleWindow: .milliseconds(1), minimumSamples: 5)))

    private func run(times: Int = 5, _ body: () async throws -> Void) async {
        for _ in 0..<times {
            try? await limit.run(on: time.source) {
                time.advance(by: .milliseconds(10))
                try await body()
            }
        }
    }

    @Test func aCallIsInFlightWhileItRuns() async throws {
        let during = try await limit.run(on: time.source) { limit.withLock { $0.inFlight } }
        #expect(during == 1)
        #expect(limit.withLock { $0.inFlight } == 0)
    }

    @Test func withoutRoomTheBodyIsNotCalled() async throws {
        for _ in 0..<10 { _ = try limit.withLock { try $0.acquire(.critical, at: time.now) } }
        var called = false
        let error = try await #require(throws: ResilienceError.self) {
            try await limit.run(.critical, on: time.source) { called = true }
        }
        #expect(error.code == .overloaded)
        #expect(!called)
    }

    @Test func successesTellTheLatency() async throws {
        await run {}
        let latency = try #require(limit.withLock { $0.latency })
        #expect(abs(latency.seconds - 0.01) < 0.001)
    }

    @Test func errorsGiveTheirPlaceBackAndTellNothing() async {
        await run { throw Failed() }
        #expect(limit.withLock { $0.latency } == nil)
        #expect(limit.withLock { [$0.inFlight, $0.limit] } == [0, 10])
    }

    @Test func aPassedDeadlineAndAnOverloadFurtherOnDropTheRequest() async {
        await run { throw ResilienceError(code: .deadlineExceeded, message: "", policy: "") }
        #expect(limit.withLock { $0.limit } == 5)
        await run { throw ResilienceError(code: .overloaded, message: "", policy: "") }
        #expect(limit.withLock { $0.limit } < 4)
    }

    @Test func aCancellationByTheDeadlineDropsTheRequestAnyOtherDoesNot() async {
        await run { throw CancellationError() }
        #expect(limit.withLock { $0.limit } == 10)
        await Deadline.$current.withValue(Deadline(expires: time.now)) {
            await run { throw CancellationError() }
        }
        #expect(limit.withLock { $0.limit } == 5)
    }
}
