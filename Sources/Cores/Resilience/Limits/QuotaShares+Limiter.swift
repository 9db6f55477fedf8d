public import ApusPrimitives

extension QuotaShares {
    /// Takes `permits` of this instance's share, now or in advance: as `RateLimiter.acquire`.
    ///
    /// - Parameter patience: what to tell a caller to wait that finds no share at all.
    /// - Throws: a `ResilienceError` with the code `.rateLimited`.
    public mutating func acquire(
        _ permits: Int = 1, at now: MonotonicTime, until deadline: Deadline? = nil, retryAfter patience: Duration? = nil
    ) throws(ResilienceError) -> Duration {
        if let nextChange, now >= nextChange { apply(at: now) }
        demand.count(permits)
        if let wait = try limiter?.acquire(permits, at: now, until: deadline) { return wait }
        let why =
            switch standing(at: now) {
            case .stopped: "it is not running"
            case .starting: "the store has not answered yet"
            case .granted, .cautious, .alone: "the other instances have all of it"
            }
        throw ResilienceError(
            code: .rateLimited,
            message: "no share: \(why); the limit of all is \(configuration.permits) in \(configuration.per)",
            policy: name, retryAfter: patience)
    }

    /// Gives back what was taken in advance and will not be used: as `RateLimiter.giveBack`.
    public mutating func giveBack(_ permits: Int = 1, due: MonotonicTime, at now: MonotonicTime) {
        limiter?.giveBack(permits, due: due, at: now)
    }

    /// How much this instance is asked for, in thousandths of a permit in every `per`. Call it once before each settling: what
    /// came since the last time counts for half.
    public mutating func measureDemand(at now: MonotonicTime) -> Int {
        demand.measure(per: configuration.per, at: now)
    }

    /// Makes the local limiter what the share says.
    mutating func apply(at now: MonotonicTime) {
        nextChange = nextChange(after: now)
        guard let limit = limit(share: share(at: now)) else {
            limiter = nil
            return
        }
        if limiter != nil {
            limiter?.reconfigure(limit, at: now)
        } else {
            // It begins empty: a share that moves from one instance to another brings no second burst along.
            var fresh = RateLimiter(name, configuration: limit)
            _ = try? fresh.acquire(fresh.available(at: now), at: now)
            limiter = fresh
        }
    }

    /// The local limit that a share makes; nil when it is nothing.
    private func limit(share: Int) -> RateLimiter.Configuration? {
        guard share > 0 else { return nil }
        let burst = Int128(configuration.burst ?? configuration.permits) * Int128(share) / Int128(total)
        // Where thousandths do not matter the numbers stay small.
        let isLarge = share >= Self.unit * Self.unit
        return RateLimiter.Configuration(
            permits: isLarge ? share / Self.unit : share,
            per: isLarge ? configuration.per : configuration.per * Self.unit,
            // At least one, or nothing could ever be taken.
            burst: max(Int(burst), 1), maxWait: configuration.maxWait)
    }
}

/// How much an instance is asked for.
struct QuotaDemand: Sendable {
    private var asked = 0
    private var since: MonotonicTime
    private var average: Int?

    init(since: MonotonicTime) {
        self.since = since
    }

    mutating func count(_ permits: Int) {
        asked = min(asked + permits.clamped(to: 0...RateLimiter.Configuration.permitRange.upperBound), Self.most)
    }

    mutating func measure(per: Duration, at now: MonotonicTime) -> Int {
        let elapsed = (now - since).seconds
        guard elapsed > 0 else { return average ?? 0 }
        let rate = Double(asked) * Double(QuotaShares.unit) * per.seconds / elapsed
        let sample = Int(min(rate, Double(Self.most)))
        let value = average.map { ($0 + sample) / 2 } ?? sample
        (asked, since, average) = (0, now, value)
        return value
    }

    private static let most = 1_000_000_000_000
}
