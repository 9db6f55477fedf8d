import ApusPrimitives
import ApusResilience

/// A rate limiter as slow and as plain as possible: it keeps the moment of every call it ever let go and looks at all.
/// Time is counted in nanoseconds times permits, so that no moment is rounded.
struct NaiveLimiter {
    private let settings: RateLimiter.Configuration
    private let period: Int128
    /// When each permit is used, in order.
    private var used: [Int128] = []

    init(_ settings: RateLimiter.Configuration) {
        self.settings = settings
        period = Int128(settings.per.nanoseconds)
    }

    /// Takes the permits at the first moment from `now` on at which so many are there, behind everybody who asked before.
    ///
    /// - Returns: how long that takes, rounded up; nil when it is too long and nothing was taken.
    mutating func acquire(_ count: Int, at now: MonotonicTime) -> Duration? {
        let permits = Int128(settings.permits)
        let present = Int128(now.nanoseconds) * permits
        let earliest = max(present, used.last ?? present)
        let turn =
            settings.algorithm == .slidingWindow ? window(count, from: earliest) : bucket(count, from: earliest)
        let wait = Duration.nanoseconds(Int64((turn - present + permits - 1) / permits))
        guard wait <= settings.maxWait else { return nil }
        used += Array(repeating: turn, count: count)
        return wait
    }

    private func window(_ count: Int, from earliest: Int128) -> Int128 {
        // Only when a call gets too old does the number of those that count change.
        let length = period * Int128(settings.permits)
        let moments = [earliest] + used.map { $0 + length }.filter { $0 > earliest }
        return moments.first { moment in used.count { $0 + length > moment } + count <= settings.permits }!
    }

    /// A permit costs `period`, and each unit of time brings one.
    private func bucket(_ count: Int, from earliest: Int128) -> Int128 {
        let capacity = Int128(settings.effectiveBurst) * period
        var level = capacity
        var last = used.first ?? earliest
        for moment in used {
            level = min(capacity, level + moment - last) - period
            last = moment
        }
        level = min(capacity, level + earliest - last)
        return earliest + max(Int128(count) * period - level, 0)
    }
}
