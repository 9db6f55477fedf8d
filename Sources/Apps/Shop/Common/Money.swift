import ApusSQL

/// An amount in the minor unit of the shop's currency (cents). JSON and SQL carry it as a plain integer.
///
/// Sums and products that 64 bits do not hold are errors, never wrapped and never a trap.
struct Money: Hashable, Sendable {
    /// Negative in the ledger's refunds only.
    let minorUnits: Int64

    init(_ minorUnits: Int64) {
        self.minorUnits = minorUnits
    }

    static let zero = Money(0)

    /// The currency of every price in the shop (ISO 4217).
    static let currency = "EUR"

    /// - Throws: `MoneyOverflow`.
    func adding(_ other: Money) throws(MoneyOverflow) -> Money {
        let (sum, overflow) = minorUnits.addingReportingOverflow(other.minorUnits)
        guard !overflow else { throw MoneyOverflow() }
        return Money(sum)
    }

    /// - Throws: `MoneyOverflow`.
    func multiplied(by quantity: Int64) throws(MoneyOverflow) -> Money {
        let (product, overflow) = minorUnits.multipliedReportingOverflow(by: quantity)
        guard !overflow else { throw MoneyOverflow() }
        return Money(product)
    }

    /// - Throws: `MoneyOverflow`.
    static func sum(of amounts: some Sequence<Money>) throws(MoneyOverflow) -> Money {
        var total = Money.zero
        for amount in amounts { total = try total.adding(amount) }
        return total
    }
}

/// An amount became larger than 64 bits of minor units hold.
struct MoneyOverflow: Error, Equatable {}

extension Money: Comparable {
    static func < (left: Money, right: Money) -> Bool {
        left.minorUnits < right.minorUnits
    }
}

extension Money: Codable {
    init(from decoder: any Decoder) throws {
        minorUnits = try decoder.singleValueContainer().decode(Int64.self)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(minorUnits)
    }
}

extension Money: SQLBindable, SQLDecodable {
    func sqlValue() -> SQLValue { .integer(minorUnits) }

    static func decode(_ value: SQLValue) -> Money? {
        Int64.decode(value).map { Money($0) }
    }
}
