public import ApusPrimitives

/// The limiters of a `KeyedRateLimiter`, in slots, with the slots in the order of their last use.
@usableFromInline
struct LimiterTable: Sendable {
    private struct Slot: Sendable {
        var state: LimiterState
        /// The slot that was used next before this one, and next after it; -1 at the ends.
        var older: Int
        var newer: Int
    }

    /// How many of the longest unused slots are looked at for one that can be given to another key.
    static let looks = 8

    @usableFromInline let name: String
    private var limit: RateLimiter.Configuration
    private var rate: LimitRate
    private var slots: [Slot] = []
    private var oldest = -1
    private var newest = -1
    /// For the keys that found no slot.
    private var others: LimiterState
    @usableFromInline private(set) var sharedCalls: UInt64 = 0

    init(name: String, _ limit: RateLimiter.Configuration) {
        self.name = name
        self.limit = limit
        rate = LimitRate(limit)
        others = LimiterState(limit.algorithm, rate)
    }

    var count: Int { slots.count }

    /// - Parameter slot: nil for the limiter that is shared.
    @usableFromInline
    mutating func acquire(
        _ permits: Int, slot: Int?, at now: MonotonicTime, until deadline: Deadline?
    ) throws(ResilienceError) -> Duration {
        guard permits > 0 else { return .zero }
        guard permits <= rate.burst else { throw .rateLimited(by: name, tooMany: permits, limit) }
        let patience = rate.patience(until: deadline, at: now)
        let wait: Int64
        if let slot {
            touch(slot)
            wait = slots[slot].state.reserve(permits, rate, at: now, limit: patience)
        } else {
            sharedCalls += 1
            wait = others.reserve(permits, rate, at: now, limit: patience)
        }
        guard wait <= patience else {
            var error = ResilienceError.rateLimited(
                by: name, limit, permits: permits, wait: wait, patience: patience)
            if slot == nil { error.message += "; shared with others, because \(slots.count) keys are in use" }
            throw error
        }
        return .nanoseconds(wait)
    }

    @usableFromInline
    mutating func giveBack(_ permits: Int, slot: Int?, due: MonotonicTime, at now: MonotonicTime) {
        if let slot {
            slots[slot].state.giveBack(permits, rate, due: due, at: now)
        } else {
            others.giveBack(permits, rate, due: due, at: now)
        }
    }

    @usableFromInline
    func available(slot: Int?, at now: MonotonicTime) -> Int {
        slot.map { slots[$0].state.available(rate, at: now) } ?? rate.burst
    }

    /// A new slot with all its permits.
    @usableFromInline
    mutating func append() -> Int {
        slots.append(Slot(state: LimiterState(limit.algorithm, rate), older: -1, newer: -1))
        link(slots.count - 1)
        return slots.count - 1
    }

    /// A slot that nothing is lost by giving to another key, made new; nil when all that are looked at are in use.
    @usableFromInline
    mutating func reuse(at now: MonotonicTime) -> Int? {
        var slot = oldest
        for _ in 0..<Self.looks where slot >= 0 {
            if slots[slot].state.isIdle(rate, at: now) {
                slots[slot].state = LimiterState(limit.algorithm, rate)
                return slot
            }
            slot = slots[slot].newer
        }
        return nil
    }

    mutating func reconfigure(_ configuration: RateLimiter.Configuration, at now: MonotonicTime) {
        guard configuration != limit else { return }
        let next = LimitRate(configuration)
        for slot in slots.indices {
            slots[slot].state.reconfigure(configuration.algorithm, from: rate, to: next, at: now)
        }
        others.reconfigure(configuration.algorithm, from: rate, to: next, at: now)
        rate = next
        limit = configuration
    }

    /// Forgets all but the `count` slots that were used last.
    ///
    /// - Returns: where the new slots were, in their order.
    mutating func shrink(to count: Int) -> [Int] {
        var kept: [Int] = []
        var slot = newest
        while slot >= 0, kept.count < count {
            kept.append(slot)
            slot = slots[slot].older
        }
        kept.reverse()
        let states = kept.map { slots[$0].state }
        slots = []
        (oldest, newest) = (-1, -1)
        for state in states {
            slots.append(Slot(state: state, older: -1, newer: -1))
            link(slots.count - 1)
        }
        return kept
    }

    private mutating func touch(_ slot: Int) {
        guard slot != newest else { return }
        let (older, newer) = (slots[slot].older, slots[slot].newer)
        if older >= 0 { slots[older].newer = newer } else { oldest = newer }
        slots[newer].older = older
        link(slot)
    }

    /// As the one that was used last.
    private mutating func link(_ slot: Int) {
        slots[slot].older = newest
        slots[slot].newer = -1
        if newest >= 0 { slots[newest].newer = slot } else { oldest = slot }
        newest = slot
    }
}
