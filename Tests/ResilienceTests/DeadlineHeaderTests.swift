import ApusPrimitives
import ApusResilience
import Testing

@Suite struct DeadlineHeaderTests {
    private let now = MonotonicTime(nanoseconds: 5_000_000_000)

    @Test func itTellsTheMillisecondsLeft() {
        #expect(Deadline.headerName == "apus-timeout-ms")
        #expect(Deadline(after: .milliseconds(1500), from: now).headerValue(at: now) == "1500")
    }

    @Test func itIsRoundedDownSoThatEachHopShrinksIt() {
        #expect(Deadline(after: .nanoseconds(2_999_999), from: now).headerValue(at: now) == "2")
    }

    @Test(arguments: [
        (Duration.zero, "1"), (.nanoseconds(1), "1"), (.seconds(-4), "1"), (.seconds(86_400), "86400000"),
        (.seconds(86_401), "86400000"), (.seconds(Int64.max), "86400000"),
    ]) func itStaysInItsRange(left: Duration, text: String) {
        #expect(Deadline(after: left, from: now).headerValue(at: now) == text)
    }

    @Test(arguments: [("1", 1), ("1500", 1500), ("00000007", 7), ("86400000", 86_400_000)])
    func aNumberInRangeIsRead(text: String, milliseconds: Int) {
        #expect(Deadline(headerValue: text, at: now)?.expires == now + .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "0", "00", "-1", "+1", " 1", "1 ", "1.5", "1e3", "0x10", "1_000", "٣", "86400001", "99999999", "000000001",
        "9223372036854775807", "18446744073709551616", "1,2", "ten", "1\0",
    ]) func anythingElseIsNil(text: String) {
        #expect(Deadline(headerValue: text, at: now) == nil)
    }

    @Test func whatIsWrittenIsReadBackAndNeverLater() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<2_000 {
            let left = Duration.nanoseconds(Int64.random(in: 1_000_000...90_000_000_000_000, using: &random))
            let deadline = Deadline(after: left, from: now)
            let read = Deadline(headerValue: deadline.headerValue(at: now), at: now)
            #expect(read.map { $0 <= deadline } == true)
        }
    }
}
