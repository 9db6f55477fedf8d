import ApusPrimitives

/// The moments of a `Ticker`: they keep their rhythm however late it looks at them.
struct TickerState {
    private(set) var interval: Duration
    /// When it ticks next.
    private(set) var next: MonotonicTime
    /// Moments that nobody was told of.
    private(set) var missed = 0
    private(set) var isStopped = false
    /// An alarm set before the last `reset` is out of date.
    private(set) var generation = 0

    init(every interval: Duration, from now: MonotonicTime) {
        self.interval = interval
        next = now + interval
    }

    /// Whether the alarm of this generation is the one that counts.
    func isCurrent(_ generation: Int) -> Bool {
        !isStopped && generation == self.generation
    }

    /// An alarm went off: whether to tick now. Several moments that have passed make one tick.
    mutating func wentOff(_ generation: Int, at now: MonotonicTime) -> Bool {
        guard isCurrent(generation), now >= next else { return false }
        let skipped = (now - next).nanoseconds / interval.nanoseconds
        missed += Int(skipped)
        next = next + .nanoseconds(interval.nanoseconds * (skipped + 1))
        return true
    }

    /// The reader had not taken the tick before.
    mutating func notTaken() {
        missed += 1
    }

    mutating func reset(every interval: Duration, from now: MonotonicTime) {
        self.interval = interval
        next = now + interval
        generation += 1
    }

    mutating func stop() {
        isStopped = true
    }
}
