import ApusPrimitives

/// How a deadline travels in `grpc-timeout`: at most eight digits and a unit, because two machines share no clock.
public enum GRPCTimeout {
    private static let units: [(letter: UInt8, nanoseconds: Int64)] = [
        (UInt8(ascii: "n"), 1), (UInt8(ascii: "u"), 1000), (UInt8(ascii: "m"), 1_000_000),
        (UInt8(ascii: "S"), 1_000_000_000), (UInt8(ascii: "M"), 60_000_000_000), (UInt8(ascii: "H"), 3_600_000_000_000),
    ]

    /// In the finest unit that eight digits hold, rounded down so that each hop shrinks the deadline; at least a nanosecond.
    public static func encode(_ duration: Duration) -> String {
        let nanoseconds = max(duration.nanoseconds, 1)
        for unit in units where nanoseconds / unit.nanoseconds <= 99_999_999 {
            return String(nanoseconds / unit.nanoseconds) + String(UnicodeScalar(unit.letter))
        }
        return "99999999H"
    }

    /// One to eight ASCII digits and a unit; nil for anything else.
    public static func decode(_ text: some Collection<UInt8>) -> Duration? {
        guard (2...9).contains(text.count) else { return nil }
        var value: Int64 = 0
        var left = text.count
        for byte in text {
            left -= 1
            if left == 0 {
                guard let unit = units.first(where: { $0.letter == byte }) else { return nil }
                let (nanoseconds, overflow) = value.multipliedReportingOverflow(by: unit.nanoseconds)
                return .nanoseconds(overflow ? .max : nanoseconds)
            }
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        return nil
    }
}
