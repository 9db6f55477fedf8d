import ApusPrimitives

/// Never more than `permits` calls in any stretch of time of the length of the window: where it begins does not matter.
///
/// A log of the calls. Up to 64 permits it is exact; above, calls within a 64th of the window are one entry and count as
/// made when the last of them was. So memory has a bound, and a call may wait up to a 64th of the window longer than it
/// would have to, never less.
struct SlidingWindowLimit: Sendable {
    private struct Entry: Sendable {
        let first: MonotonicTime
        var last: MonotonicTime
        var count: Int
    }

    static let entriesPerWindow = 64

    /// Those that still count, oldest first; the last may be of the future.
    private var entries: [Entry] = []
    /// The calls in all of them.
    private var total = 0

    init() {}

    init(available: Int, rate: LimitRate, at now: MonotonicTime) {
        let used = rate.permits - min(available, rate.permits)
        if used > 0 { append(used, at: now, rate) }
    }

    var entryCount: Int { entries.count }

    /// The nanoseconds until `count` permits can be had; they are taken if that is at most `limit`.
    mutating func reserve(_ count: Int, _ rate: LimitRate, at now: MonotonicTime, limit: Int64) -> Int64 {
        // Nobody goes before those who wait already.
        let earliest = max(now, entries.last?.last ?? now)
        forget(before: earliest, rate)
        var turn = earliest
        var excess = total - (rate.permits - count)
        for entry in entries {
            guard excess > 0 else { break }
            excess -= entry.count
            turn = max(turn, entry.last + .nanoseconds(rate.period))
        }
        let wait = (turn - now).nanoseconds
        if wait <= limit {
            append(count, at: turn, rate)
            forget(before: turn, rate)
        }
        return wait
    }

    func available(_ rate: LimitRate, at now: MonotonicTime) -> Int {
        if let newest = entries.last, newest.last > now { return 0 }
        let used = entries.reduce(0) { $1.last + .nanoseconds(rate.period) > now ? $0 + $1.count : $0 }
        return max(rate.permits - used, 0)
    }

    func isFull(_ rate: LimitRate, at now: MonotonicTime) -> Bool {
        guard let newest = entries.last else { return true }
        return newest.last + .nanoseconds(rate.period) <= now
    }

    private mutating func append(_ count: Int, at moment: MonotonicTime, _ rate: LimitRate) {
        total += count
        let width = rate.permits <= Self.entriesPerWindow ? 0 : rate.period / Int64(Self.entriesPerWindow) + 1
        if let newest = entries.last,
            newest.last == moment || (moment - newest.first).nanoseconds < width
        {
            entries[entries.count - 1].last = moment
            entries[entries.count - 1].count += count
        } else {
            entries.append(Entry(first: moment, last: moment, count: count))
        }
    }

    private mutating func forget(before now: MonotonicTime, _ rate: LimitRate) {
        guard let oldest = entries.first, oldest.last + .nanoseconds(rate.period) <= now else { return }
        let gone = entries.firstIndex { $0.last + .nanoseconds(rate.period) > now } ?? entries.count
        for entry in entries[..<gone] { total -= entry.count }
        entries.removeSubrange(..<gone)
    }
}
