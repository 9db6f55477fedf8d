/// HTTP's `Retry-After` (RFC 9110, section 10.2.3).
extension RetryDecision {
    /// What an answer with this header field asks for; nil for a value that cannot be understood.
    ///
    /// - Parameters:
    ///   - value: 1 to 9 digits, a number of seconds; or a date like `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms
    ///     of dates are not understood.
    ///   - unixSeconds: the time of day, by which a date is a wait.
    public init?(retryAfterHeader value: String, unixSeconds: Int64) {
        let bytes = Array(value.utf8)
        if let seconds = Self.number(bytes[...]), bytes.count <= 9 {
            self = .retryAfter(.seconds(seconds))
        } else if let date = Self.unixSeconds(ofDate: bytes) {
            self = .retryAfter(.seconds(max(date - unixSeconds, 0)))
        } else {
            return nil
        }
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `IMF-fixdate` (section 5.6.7), whose parts stand at fixed places.
    private static func unixSeconds(ofDate text: [UInt8]) -> Int64? {
        guard
            text.count == 29, text[3] == UInt8(ascii: ","), text[25...].elementsEqual(" GMT".utf8),
            [4, 7, 11, 16].allSatisfy({ text[$0] == UInt8(ascii: " ") }),
            [19, 22].allSatisfy({ text[$0] == UInt8(ascii: ":") }),
            let month = months.firstIndex(of: String(decoding: text[8..<11], as: UTF8.self)),
            let day = number(text[5..<7]), (1...31).contains(day), let year = number(text[12..<16]), year >= 1_970,
            let hour = number(text[17..<19]), hour < 24, let minute = number(text[20..<22]), minute < 60,
            let second = number(text[23..<25]), second <= 60
        else { return nil }
        return days(year, Int64(month) + 1, day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    /// Days since the first of January 1970; H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let century = shifted / 400
        let yearOfCentury = shifted - century * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return century * 146_097 + yearOfCentury * 365 + yearOfCentury / 4 - yearOfCentury / 100 + dayOfYear - 719_468
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard !digits.isEmpty, digits.count <= 9 else { return nil }
        var number: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            number = number * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return number
    }
}
