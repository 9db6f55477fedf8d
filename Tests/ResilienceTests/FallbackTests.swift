import ApusPrimitives
import ApusResilience
import Testing

@Suite struct FallbackTests {
    private struct Failed: Error, Equatable {
        let number: Int
    }

    private let fallback = Locked(Fallback("prices"))

    private var counted: [Int] { fallback.withLock { [$0.full, $0.degraded, $0.failed] } }

    @Test func anAnswerIsFull() async throws {
        let answer = try await fallback.run {
            3
        } fallback: { _ in
            4
        }
        #expect(answer.value == 3)
        #expect(!answer.isDegraded)
        #expect(answer.reason == nil)
        #expect(counted == [1, 0, 0])
    }

    @Test func aFailureIsAnsweredWithLessAndSaysWhy() async throws {
        let answer = try await fallback.run {
            throw Failed(number: 1)
        } fallback: { error in
            "cached after \((error as? Failed)?.number ?? 0)"
        }
        #expect(answer.value == "cached after 1")
        #expect(answer.isDegraded)
        #expect(answer.reason as? Failed == Failed(number: 1))
        #expect(counted == [0, 1, 0])
    }

    @Test func whatIsMadeOfADegradedAnswerIsDegraded() {
        #expect(Degradable.full(3).map { $0 + 1 }.value == 4)
        let degraded = Degradable.degraded(3, because: Failed(number: 1)).map { "\($0)" }
        #expect(degraded.value == "3")
        #expect(degraded.isDegraded)
    }

    @Test func theShareOfDegradedAnswersIsOfTheAnswers() {
        var fallback = Fallback()
        #expect(fallback.degradedShare == 0)
        for outcome in [Fallback.Outcome.full, .full, .full, .degraded, .failed] { fallback.record(outcome) }
        #expect(fallback.degradedShare == 0.25)
    }

    @Test func anErrorThatTheFallbackMayNotAnswerPassesUnchanged() async {
        await #expect(throws: Failed(number: 2)) {
            try await fallback.run(answers: { ($0 as? Failed)?.number == 1 }) {
                throw Failed(number: 2)
            } fallback: { _ in
            }
        }
        #expect(counted == [0, 0, 1])
    }

    @Test func aCancellationIsNotAnswered() async {
        await #expect(throws: CancellationError.self) {
            try await fallback.run {
                throw CancellationError()
            } fallback: { _ in
            }
        }
        #expect(counted == [0, 0, 1])
    }

    @Test func whenBothFailTheErrorTellsBoth() async throws {
        let refused = ResilienceError(code: .circuitOpen, message: "open", policy: "x", retryAfter: .seconds(4))
        let error = try await #require(throws: ResilienceError.self) {
            try await fallback.run {
                throw refused
            } fallback: { _ in
                throw Failed(number: 2)
            }
        }
        #expect(error.code == .fallbackFailed)
        #expect(error.policy == "prices")
        #expect(error.message == "the call failed, and so did its fallback: Failed(number: 2)")
        #expect((error.cause as? ResilienceError)?.code == .circuitOpen)
        #expect(error.retryAfter == .seconds(4))
        #expect(counted == [0, 0, 1])
    }

    @Test func cancellingTheFallbackIsACancellation() async {
        await #expect(throws: CancellationError.self) {
            try await fallback.run {
                throw Failed(number: 1)
            } fallback: { _ in
                throw CancellationError()
            }
        }
        #expect(counted == [0, 0, 1])
    }
}
