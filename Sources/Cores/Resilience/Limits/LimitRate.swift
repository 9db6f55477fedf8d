import ApusPrimitives

/// A rate limit in whole numbers: one permit is worth `period` units, and every nanosecond brings `permits` of them, up to
/// `capacity`. So nothing is ever rounded but a wait, which is rounded up, and only a wait costs a division.
struct LimitRate: Sendable {
    let permits: Int
    let burst: Int
    /// Nanoseconds, as the two below.
    let period: Int64
    let maxWait: Int64
    let capacity: Int128
    /// No line is longer than this.
    private let longestDebt: Int128

    init(_ configuration: RateLimiter.Configuration) {
        permits = configuration.permits
        burst = configuration.effectiveBurst
        period = configuration.per.nanoseconds
        maxWait = configuration.maxWait.nanoseconds
        capacity = Int128(burst) &* Int128(period)
        longestDebt = Int128(maxWait) &* Int128(permits)
    }

    func cost(_ count: Int) -> Int128 {
        Int128(count) &* Int128(period)
    }

    func units(in nanoseconds: Int64) -> Int128 {
        Int128(nanoseconds) &* Int128(permits)
    }

    /// The nanoseconds until so many units have come, rounded up.
    func wait(for units: Int128) -> Int64 {
        let (whole, rest) = units.quotientAndRemainder(dividingBy: Int128(permits))
        return Int64(clamping: rest > 0 ? whole + 1 : whole)
    }

    /// The permits of a bucket that was filled under another rate, in units of this one; what is more than the burst is
    /// lost, what was promised beyond the longest wait is forgiven.
    func level(_ level: Int128, under old: LimitRate) -> Int128 {
        let (whole, rest) = level.quotientAndRemainder(dividingBy: Int128(old.period))
        let converted = whole * Int128(period) + rest * Int128(period) / Int128(old.period)
        return min(max(converted, -longestDebt), capacity)
    }
}
