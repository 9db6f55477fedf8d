import ApusPrimitives

extension SeededRandom {
    /// Below `bound`, which is at least 1. Its bias (bound / 2^64) is of no matter here.
    @inline(__always)
    mutating func below(_ bound: UInt64) -> UInt64 {
        next().multipliedFullWidth(by: bound).high
    }

    @inline(__always)
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: below(UInt64(bound)))
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    mutating func number(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// True `perMille` times of a thousand. Draws nothing for 0, so that a fault that is off costs nothing.
    @inline(__always)
    mutating func chance(perMille: Int) -> Bool {
        perMille > 0 && below(1_000) < perMille
    }

    mutating func oneIn(_ count: Int) -> Bool {
        below(count) == 0
    }

    /// Nil for an empty collection.
    mutating func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[below(elements.count)]
    }
}
