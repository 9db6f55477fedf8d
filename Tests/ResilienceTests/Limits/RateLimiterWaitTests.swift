import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

@Suite struct RateLimiterWaitTests {
    private struct Failed: Error {}

    private let time = ManualTime()

    private func limiter(maxWait: Duration = .seconds(10)) -> Locked<RateLimiter> {
        Locked(RateLimiter(configuration: RateLimiter.Configuration(permits: 1, maxWait: maxWait)))
    }

    @Test func callsGoWhenTheirTurnComes() async throws {
        let limiter = limiter()
        try await limiter.wait(on: time.source)
        let order = Locked<[Int]>([])
        try await withThrowingTaskGroup { group in
            for index in 1...3 {
                group.addTask {
                    try await limiter.run(on: time.source) { order.withLock { $0.append(index) } }
                }
                try await time.waitForSleepers(index)
            }
            for count in 1...3 {
                time.advance(by: .seconds(1))
                try await eventually { order.withLock { $0.count } == count }
            }
            try await group.waitForAll()
        }
        #expect(order.withLock { $0 } == [1, 2, 3])
    }

    @Test func aRefusedCallIsNotMade() async throws {
        let limiter = limiter(maxWait: .zero)
        #expect(try await limiter.run(on: time.source) { 4 } == 4)
        var called = false
        await #expect(throws: ResilienceError.self) { try await limiter.run(on: time.source) { called = true } }
        #expect(!called)
    }

    @Test func whatTheBodyThrowsPasses() async {
        await #expect(throws: Failed.self) { try await limiter().run(on: time.source) { throw Failed() } }
    }

    @Test func aCancelledWaitGivesItsPlaceBack() async throws {
        let limiter = limiter()
        try await limiter.wait(on: time.source)
        let gone = Task { [time] in try await limiter.wait(on: time.source) }
        try await time.waitForSleepers()
        gone.cancel()
        await #expect(throws: CancellationError.self) { try await gone.value }
        #expect(try limiter.withLock { try $0.acquire(at: time.now) } == .seconds(1))
    }

    @Test func aWaitThatWouldEndAfterTheDeadlineIsRefusedAtOnce() async throws {
        let limiter = limiter()
        try await limiter.wait(on: time.source)
        let error = try await #require(throws: ResilienceError.self) {
            try await Deadline.$current.withValue(Deadline(after: .milliseconds(900), from: time.now)) {
                try await limiter.wait(on: time.source)
            }
        }
        #expect(error.code == .rateLimited)
        #expect(time.sleeperCount == 0)
        #expect(try limiter.withLock { try $0.acquire(at: time.now) } == .seconds(1), "nothing was taken")
    }
}
