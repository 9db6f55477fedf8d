import ApusPrimitives

extension Duration {
    /// Nanoseconds of each unit, the longest first.
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000),
        ("ns", 1),
    ]

    /// Reads a whole or decimal number and its unit, `ns`, `us`, `ms`, `s`, `m` or `h`: `250ms`, `1.5s`. Not negative.
    init?(settingText text: String) {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unitName = text.dropFirst(number.count)
        guard let unit = Self.units.first(where: { $0.name == unitName }) else { return nil }
        if let whole = Int64(number) {
            let (nanoseconds, overflow) = whole.multipliedReportingOverflow(by: unit.nanoseconds)
            guard !overflow else { return nil }
            self = .nanoseconds(nanoseconds)
        } else {
            guard let decimal = Double(number), decimal.isFinite else { return nil }
            let nanoseconds = (decimal * Double(unit.nanoseconds)).rounded()
            guard nanoseconds < Double(Int64.max) else { return nil }
            self = .nanoseconds(Int64(nanoseconds))
        }
    }

    /// The form with the longest unit that gives a whole number.
    var settingText: String {
        let total = nanoseconds
        let unit = Self.units.first { total % $0.nanoseconds == 0 && (total != 0 || $0.name == "s") }
        return "\(total / (unit?.nanoseconds ?? 1))\(unit?.name ?? "ns")"
    }
}
