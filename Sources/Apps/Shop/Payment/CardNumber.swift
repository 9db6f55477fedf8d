/// The number of a payment card. It prints as its last four digits, so that it cannot slip into a log.
struct CardNumber: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// 12 to 19 digits (ISO/IEC 7812-1).
    let digits: String

    /// Takes spaces and hyphens between the digits; nil when the length or the check digit (Luhn's) is wrong.
    init?(_ input: String) {
        guard input.utf8.count <= 40 else { return nil }
        let digits = input.utf8.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "-") }
        guard (12...19).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }), Self.passesLuhn(digits)
        else { return nil }
        self.digits = String(decoding: digits, as: UTF8.self)
    }

    var lastFour: String { String(digits.suffix(4)) }

    var description: String { "card ending in \(lastFour)" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }

    private static func passesLuhn(_ digits: [UInt8]) -> Bool {
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let value = Int(digit - 48)
            let doubled = place % 2 == 1 ? value * 2 : value
            sum += doubled > 9 ? doubled - 9 : doubled
        }
        return sum % 10 == 0
    }
}
