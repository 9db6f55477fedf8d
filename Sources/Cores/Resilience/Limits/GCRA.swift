import ApusPrimitives

/// The generic cell rate algorithm: one moment, at which the next call would arrive if all calls came evenly, and how far
/// before it one may come (ITU-T I.371, Annex A, "virtual scheduling").
///
/// Admits exactly what the token bucket admits and keeps half as much, which counts when there is one for every key.
struct GCRA: Sendable {
    /// The theoretical arrival time, in units of `LimitRate`: nanoseconds times `permits`.
    private var arrival: Int128

    init() {
        arrival = .min
    }

    init(available: Int, rate: LimitRate, at now: MonotonicTime) {
        arrival = rate.units(in: now.nanoseconds) + rate.capacity - min(rate.cost(available), rate.capacity)
    }

    /// The nanoseconds until `count` permits can be had; they are taken if that is at most `limit`.
    mutating func reserve(_ count: Int, _ rate: LimitRate, at now: MonotonicTime, limit: Int64) -> Int64 {
        let present = rate.units(in: now.nanoseconds)
        let next = max(arrival, present) &+ rate.cost(count)
        let early = next &- present &- rate.capacity
        let wait = early <= 0 ? 0 : rate.wait(for: early)
        if wait <= limit { arrival = next }
        return wait
    }

    mutating func reconfigure(from old: LimitRate, to rate: LimitRate, at now: MonotonicTime) {
        let level = rate.level(level(old, at: now), under: old)
        arrival = rate.units(in: now.nanoseconds) + rate.capacity - level
    }

    func available(_ rate: LimitRate, at now: MonotonicTime) -> Int {
        Int(clamping: max(level(rate, at: now), 0) / Int128(rate.period))
    }

    func isFull(_ rate: LimitRate, at now: MonotonicTime) -> Bool {
        arrival <= rate.units(in: now.nanoseconds)
    }

    /// What a token bucket would hold.
    private func level(_ rate: LimitRate, at now: MonotonicTime) -> Int128 {
        let present = rate.units(in: now.nanoseconds)
        return rate.capacity - (max(arrival, present) - present)
    }
}
