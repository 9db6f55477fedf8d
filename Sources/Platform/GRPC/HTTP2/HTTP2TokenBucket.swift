/// Counts against a `HTTP2Limits.Rate`.
struct HTTP2TokenBucket: Sendable {
    private let rate: HTTP2Limits.Rate
    private var tokens: Int
    /// When tokens were last added, in nanoseconds of the timeline.
    private var filled: Int64

    init(_ rate: HTTP2Limits.Rate, now: Int64) {
        self.rate = rate
        tokens = rate.burst
        filled = now
    }

    /// Takes one; false when there is none, or none is left after it in the burst and none has grown back.
    @inline(__always)
    mutating func take(now: Int64) -> Bool {
        if tokens < rate.burst, now > filled { refill(now) }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }

    private mutating func refill(_ now: Int64) {
        // Beyond an hour the bucket is full, and the product below would overflow.
        let elapsed = min(now - filled, 3_600_000_000_000)
        let grown = Int(elapsed) / 1_000 * rate.perSecond / 1_000_000
        guard grown > 0 else { return }
        tokens = min(rate.burst, tokens + grown)
        filled = now
    }

    @inline(__always)
    mutating func earn(_ count: Int) {
        tokens = min(rate.burst, tokens + count)
    }
}
