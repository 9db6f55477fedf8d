import ApusPrimitives

/// What one rate limiter remembers, without its settings: many that share them keep one of these each.
struct LimiterState: Sendable {
    private enum Algorithm: Sendable {
        case tokenBucket(TokenBucket)
        case gcra(GCRA)
        case slidingWindow(SlidingWindowLimit)
    }

    private var algorithm: Algorithm
    private var vacant = VacantPlaces()

    /// With all permits there.
    init(_ choice: RateLimiter.Algorithm, _ rate: LimitRate) {
        algorithm =
            switch choice {
            case .tokenBucket: .tokenBucket(TokenBucket(full: rate))
            case .gcra: .gcra(GCRA())
            case .slidingWindow: .slidingWindow(SlidingWindowLimit())
            }
    }

    /// The nanoseconds until `count` permits, at most the burst, can be had; they are taken if that is at most `limit`.
    mutating func reserve(_ count: Int, _ rate: LimitRate, at now: MonotonicTime, limit: Int64) -> Int64 {
        guard !vacant.isEmpty else { return take(count, rate, at: now, limit: limit) }
        let look: Int64 = -1
        let wait = take(count, rate, at: now, limit: look)
        let before = limit < wait ? limit + 1 : wait
        if wait > 0, let sooner = vacant.take(count, at: now, before: before) { return sooner }
        return wait <= limit ? take(count, rate, at: now, limit: limit) : wait
    }

    /// A place that this limiter cannot have given, because its line is shorter, is ignored.
    mutating func giveBack(_ count: Int, _ rate: LimitRate, due: MonotonicTime, at now: MonotonicTime) {
        guard now + .nanoseconds(take(1, rate, at: now, limit: -1)) >= due else { return }
        vacant.add(count, due: due, at: now)
    }

    /// Another algorithm begins with the permits that the one before had.
    mutating func reconfigure(
        _ choice: RateLimiter.Algorithm, from old: LimitRate, to rate: LimitRate, at now: MonotonicTime
    ) {
        switch (algorithm, choice) {
        case (.tokenBucket(var bucket), .tokenBucket):
            bucket.reconfigure(from: old, to: rate, at: now)
            algorithm = .tokenBucket(bucket)
        case (.gcra(var gcra), .gcra):
            gcra.reconfigure(from: old, to: rate, at: now)
            algorithm = .gcra(gcra)
        case (.slidingWindow, .slidingWindow): break
        case (_, .tokenBucket):
            algorithm = .tokenBucket(TokenBucket(available: available(old, at: now), rate: rate, at: now))
        case (_, .gcra):
            algorithm = .gcra(GCRA(available: available(old, at: now), rate: rate, at: now))
        case (_, .slidingWindow):
            algorithm = .slidingWindow(
                SlidingWindowLimit(available: available(old, at: now), rate: rate, at: now))
        }
    }

    func available(_ rate: LimitRate, at now: MonotonicTime) -> Int {
        switch algorithm {
        case .tokenBucket(let bucket): bucket.available(rate, at: now)
        case .gcra(let gcra): gcra.available(rate, at: now)
        case .slidingWindow(let window): window.available(rate, at: now)
        }
    }

    /// Whether one that was just made would do the same: then it can be forgotten.
    func isIdle(_ rate: LimitRate, at now: MonotonicTime) -> Bool {
        switch algorithm {
        case .tokenBucket(let bucket): bucket.isFull(rate, at: now)
        case .gcra(let gcra): gcra.isFull(rate, at: now)
        case .slidingWindow(let window): window.isFull(rate, at: now)
        }
    }

    private mutating func take(_ count: Int, _ rate: LimitRate, at now: MonotonicTime, limit: Int64) -> Int64 {
        switch algorithm {
        case .tokenBucket(var bucket):
            defer { algorithm = .tokenBucket(bucket) }
            return bucket.reserve(count, rate, at: now, limit: limit)
        case .gcra(var gcra):
            defer { algorithm = .gcra(gcra) }
            return gcra.reserve(count, rate, at: now, limit: limit)
        case .slidingWindow(var window):
            // Its log has one owner only while nothing else holds it; otherwise each call would copy it.
            algorithm = .gcra(GCRA())
            defer { algorithm = .slidingWindow(window) }
            return window.reserve(count, rate, at: now, limit: limit)
        }
    }
}
