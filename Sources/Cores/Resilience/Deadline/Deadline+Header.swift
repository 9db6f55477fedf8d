public import ApusPrimitives

/// How a deadline travels: as the milliseconds left, because two machines share no clock.
extension Deadline {
    public static let headerName = "apus-timeout-ms"

    /// One day in milliseconds: more than that is not a deadline.
    public static let maximumHeaderMilliseconds: Int64 = 86_400_000

    /// The whole milliseconds left, rounded down, so that each hop shrinks the deadline; at least 1 and at most a day.
    ///
    /// A call whose deadline has passed should not be sent at all; check `hasPassed(at:)` first.
    public func headerValue(at now: MonotonicTime) -> String {
        let milliseconds = remaining(at: now).nanoseconds / 1_000_000
        return String(min(max(milliseconds, 1), Self.maximumHeaderMilliseconds))
    }

    /// Reads 1 to 8 ASCII digits that make a number from 1 to 86,400,000; nil for anything else.
    public init?(headerValue: some StringProtocol, at now: MonotonicTime) {
        let digits = headerValue.utf8
        guard (1...8).contains(digits.count) else { return nil }
        var milliseconds: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            milliseconds = milliseconds * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        guard (1...Self.maximumHeaderMilliseconds).contains(milliseconds) else { return nil }
        self.init(after: .milliseconds(milliseconds), from: now)
    }
}
