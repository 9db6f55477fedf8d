import ApusPrimitives

/// A bucket that fills steadily and pays for calls; it goes into debt for calls that wait (J. Turner, "New Directions in
/// Communications", IEEE Communications Magazine 24(10), 1986).
struct TokenBucket: Sendable {
    /// Units of `LimitRate`; below zero when the tokens of the future are promised.
    private var level: Int128
    private var updated: MonotonicTime

    init(full rate: LimitRate) {
        level = rate.capacity
        updated = MonotonicTime(nanoseconds: .min)
    }

    init(available: Int, rate: LimitRate, at now: MonotonicTime) {
        level = min(rate.cost(available), rate.capacity)
        updated = now
    }

    /// The nanoseconds until `count` permits can be had; they are taken if that is at most `limit`.
    mutating func reserve(_ count: Int, _ rate: LimitRate, at now: MonotonicTime, limit: Int64) -> Int64 {
        refill(rate, at: now)
        let rest = level &- rate.cost(count)
        let wait = rest >= 0 ? 0 : rate.wait(for: -rest)
        if wait <= limit { level = rest }
        return wait
    }

    mutating func reconfigure(from old: LimitRate, to rate: LimitRate, at now: MonotonicTime) {
        refill(old, at: now)
        level = rate.level(level, under: old)
    }

    func available(_ rate: LimitRate, at now: MonotonicTime) -> Int {
        Int(clamping: max(filled(rate, at: now), 0) / Int128(rate.period))
    }

    func isFull(_ rate: LimitRate, at now: MonotonicTime) -> Bool {
        filled(rate, at: now) == rate.capacity
    }

    private func filled(_ rate: LimitRate, at now: MonotonicTime) -> Int128 {
        guard now > updated else { return level }
        return min(level &+ rate.units(in: (now - updated).nanoseconds), rate.capacity)
    }

    private mutating func refill(_ rate: LimitRate, at now: MonotonicTime) {
        guard now > updated else { return }
        level = filled(rate, at: now)
        updated = now
    }
}
