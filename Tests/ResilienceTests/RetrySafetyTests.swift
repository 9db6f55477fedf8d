import ApusPrimitives
import ApusResilience
import Testing

@Suite struct RetrySafetyTests {
    private struct Failed: Error {}

    private func refusal(_ code: String, cause: (any Error)? = nil) -> ResilienceError {
        ResilienceError(
            code: ResilienceError.Code(rawValue: code), message: "", policy: "", retryAfter: .seconds(1), cause: cause)
    }

    @Test func aRequestIsSafeByItsMethodOrByItsKey() {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"] {
            #expect(RetrySafety(method: method) == .safe)
        }
        for method in ["POST", "PATCH", "get", ""] {
            #expect(RetrySafety(method: method) == .never)
            #expect(RetrySafety(method: method, hasIdempotencyKey: true) == .idempotentByKey)
        }
    }

    @Test func whatIsSafeIsTriedAgain() {
        for safety in [RetrySafety.safe, .idempotentByKey] {
            #expect(safety.decision(on: Failed()) == .retry)
            #expect(safety.decision(on: CancellationError()) == .stop)
            #expect(safety.decision(on: refusal("retries-exhausted")) == .retryAfter(.seconds(1)))
        }
    }

    @Test func whatIsNotIsTriedAgainOnlyIfItHasNotBegun() {
        #expect(RetrySafety.never.decision(on: Failed()) == .stop)
        #expect(RetrySafety.never.decision(on: Failed(), notBegun: true) == .retry)
        #expect(RetrySafety.never.decision(on: CancellationError(), notBegun: true) == .stop)
        for code in ["circuit-open", "throttled", "rate-limited", "bulkhead-full", "overloaded"] {
            #expect(RetrySafety.never.decision(on: refusal(code)) == .retryAfter(.seconds(1)))
            #expect(RetrySafety.never.decision(on: refusal(code, cause: Failed())) == .stop, "an attempt was sent")
        }
        for code in ["deadline-exceeded", "retries-exhausted", "retry-budget-exhausted", "attempt-timed-out"] {
            #expect(RetrySafety.never.decision(on: refusal(code)) == .stop)
        }
    }

    // MARK: Retry-After

    private let now: Int64 = 784_111_777  // Sun, 06 Nov 1994 08:49:37 GMT

    private func read(_ value: String) -> RetryDecision? {
        RetryDecision(retryAfterHeader: value, unixSeconds: now)
    }

    @Test func secondsAreRead() {
        #expect(read("0") == .retryAfter(.zero))
        #expect(read("120") == .retryAfter(.seconds(120)))
        #expect(read("999999999") == .retryAfter(.seconds(999_999_999)))
    }

    @Test func datesAreRead() {
        #expect(read("Sun, 06 Nov 1994 08:49:37 GMT") == .retryAfter(.zero))
        #expect(read("Sun, 06 Nov 1994 08:51:37 GMT") == .retryAfter(.seconds(120)))
        #expect(read("Sun, 06 Nov 1994 08:00:00 GMT") == .retryAfter(.zero), "what is over is now")
        #expect(read("Thu, 29 Feb 1996 00:00:00 GMT") == .retryAfter(.seconds(825_552_000 - now)))
        #expect(read("Wed, 01 Mar 2000 00:00:00 GMT") == .retryAfter(.seconds(951_868_800 - now)))
        #expect(read("Fri, 31 Dec 9999 23:59:59 GMT") == .retryAfter(.seconds(253_402_300_799 - now)))
    }

    @Test(arguments: [
        "", " 1", "-1", "1.5", "9999999999", "soon", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
    ]) func anythingElseIsNotUnderstood(value: String) {
        #expect(read(value) == nil)
    }
}
