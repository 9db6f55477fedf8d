import ApusPrimitives
import ApusResilience
import TestSupport
import Testing

@Suite struct DeadlineTests {
    private struct Refused: Error {}

    @Test func aValueBeforeTheDeadlinePasses() async throws {
        let value = try await Deadline(expires: .distantFuture).run { 7 }
        #expect(value == 7)
    }

    @Test func theLastMomentOfTheRealClockIsNoDeadlineInPractice() async throws {
        try await Deadline(expires: .distantFuture).run {
            for _ in 0..<50 { await Task.yield() }
            try Task.checkCancellation()
        }
    }
}
