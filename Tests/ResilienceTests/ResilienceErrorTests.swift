import ApusResilience
import Testing

@Suite struct ResilienceErrorTests {
    private struct Refused: Error {}

    @Test func itSaysWhichPolicyWhatItSawWhenToTryAgainAndWhy() {
        let error = ResilienceError(
            code: .circuitOpen, message: "5 of 10 failed", policy: "payment", retryAfter: .seconds(3), cause: Refused())
        #expect(
            "\(error)" == "payment: 5 of 10 failed (circuit-open), try again in 3.0 seconds, because: Refused()")
    }

    @Test func itLeavesOutWhatItDoesNotKnow() {
        #expect(
            "\(ResilienceError(code: .deadlineExceeded, message: "late", policy: "deadline"))"
                == "deadline: late (deadline-exceeded)")
    }

    @Test func otherModulesMayAddCodes() {
        #expect(ResilienceError.Code(rawValue: "rate-limited") != .circuitOpen)
    }
}
