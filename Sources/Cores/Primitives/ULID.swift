/// An identifier that sorts by the time it was made: 48 bits of milliseconds, then 80 random bits.
///
/// Written as 26 characters of Crockford's base 32 (github.com/ulid/spec). Two made in the same millisecond are in no
/// particular order.
public struct ULID: Hashable, Comparable, Sendable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt64

    /// - Parameters:
    ///   - unixMilliseconds: milliseconds since 1970; the lower 48 bits count (until the year 10889).
    ///   - random: where the other 80 bits come from; pass a `SystemRandomNumberGenerator` unless you simulate.
    public init(unixMilliseconds: UInt64, using random: inout some RandomNumberGenerator) {
        high = unixMilliseconds << 16 | random.next() & 0xFFFF
        low = random.next()
    }

    /// Reads the 26 characters of `description`, in either case; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let digits = Array(text.utf8)
        guard digits.count == 26, digits[0] <= UInt8(ascii: "7") else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for digit in digits {
            guard let value = Self.value(of: digit) else { return nil }
            high = high << 5 | low >> 59
            low = low << 5 | value
        }
        self.high = high
        self.low = low
    }

    public var description: String {
        String(unsafeUninitializedCapacity: 26) { buffer in
            var high = high
            var low = low
            for index in stride(from: 25, through: 0, by: -1) {
                buffer[index] = Self.alphabet[Int(low & 31)]
                low = low >> 5 | high << 59
                high >>= 5
            }
            return 26
        }
    }

    public static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    private static func value(of digit: UInt8) -> UInt64? {
        let upper = digit >= UInt8(ascii: "a") ? digit & 0xDF : digit
        return alphabet.firstIndex(of: upper).map(UInt64.init)
    }
}
