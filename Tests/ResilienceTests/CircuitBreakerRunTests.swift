import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

@Suite struct CircuitBreakerRunTests {
    private struct Status: Error {
        let code: Int
    }

    private let time = ManualTime()
    private let breaker = Locked(
        CircuitBreaker(
            "payment", configuration: CircuitBreaker.Configuration(window: .calls(4), minimumCalls: 2)))

    private var counted: [Int] {
        let counts = breaker.withLock { $0.counts(at: time.now) }
        return [counts.calls, counts.failures]
    }

    private func fail(
        _ error: any Error, outcome: (any Error) -> CircuitBreaker.Outcome = { _ in .failure }
    ) async {
        try? await breaker.run(on: time.source, outcome: outcome) { throw error }
    }

    @Test func aValuePassesAndCountsAsSuccess() async throws {
        #expect(try await breaker.run(on: time.source) { 3 } == 3)
        #expect(counted == [1, 0])
    }

    @Test func anErrorPassesAndCountsAsFailure() async throws {
        await #expect(throws: Status.self) { try await breaker.run(on: time.source) { throw Status(code: 500) } }
        #expect(counted == [1, 1])
    }

    @Test func anAnswerThatSpeaksAgainstTheRequestCountsAsSuccess() async {
        await fail(Status(code: 404), outcome: { ($0 as? Status)?.code ?? 500 >= 500 ? .failure : .success })
        #expect(counted == [1, 0])
    }

    @Test func anErrorThatSaysNothingIsNotCounted() async {
        await fail(Status(code: 503), outcome: { _ in .ignored })
        #expect(counted == [0, 0])
    }

    @Test func aCancellationIsNotCounted() async {
        await fail(CancellationError())
        #expect(counted == [0, 0])
    }

    @Test func aCancellationByTheDeadlineIsAFailure() async throws {
        // What a callee that hangs looks like from inside `Deadline.run`.
        let error = try await #require(throws: ResilienceError.self) {
            try await Deadline(after: .seconds(1), from: time.now).run(on: time.source) { [time, breaker] in
                try await breaker.run(on: time.source) {
                    time.advance(by: .seconds(1))
                    try await time.source.sleep(for: .seconds(100))
                }
            }
        }
        #expect(error.code == .deadlineExceeded)
        #expect(counted == [1, 1])
    }

    @Test func anOpenBreakerRefusesWithoutCallingAndLetsProbesThroughLater() async throws {
        await fail(Status(code: 500))
        await fail(Status(code: 500))
        var called = false
        let error = try await #require(throws: ResilienceError.self) {
            try await breaker.run(on: time.source) { called = true }
        }
        #expect(error.code == .circuitOpen)
        #expect(!called)
        time.advance(by: .seconds(5))
        for _ in 0..<2 { try await breaker.run(on: time.source) {} }
        #expect(breaker.withLock { $0.state(at: time.now) } == .closed)
    }
}
