public import ApusPrimitives

/// Lets so many calls go in so much time, and says to the others when.
///
/// A pure value: whoever owns it passes the time in. A call asks with `acquire`, once; the permits are then its own, and it
/// goes after the wait that it was told. Nothing is reported afterwards, except by a call that gave up waiting:
/// `giveBack`. `Locked<RateLimiter>.wait` and `run` do all of it. All arithmetic is in whole numbers, so that a limit holds
/// exactly however long the limiter lives.
public struct RateLimiter: Sendable {
    /// Names the limiter in its errors.
    public let name: String
    public private(set) var configuration: Configuration

    private var rate: LimitRate
    private var state: LimiterState

    /// A limiter with all its permits there.
    public init(_ name: String = "rate limiter", configuration: Configuration) {
        self.name = name
        self.configuration = configuration
        rate = LimitRate(configuration)
        state = LimiterState(configuration.algorithm, rate)
    }

    /// Takes `permits`, now or in advance.
    ///
    /// Calls that wait go in the order in which they asked.
    ///
    /// - Parameters:
    ///   - permits: none or less is always granted.
    ///   - deadline: a wait that would not end before it is refused.
    /// - Returns: how long the caller must wait before it goes: zero, or up to the configuration's `maxWait`.
    /// - Throws: a `ResilienceError` with the code `.rateLimited`, and when the same would be granted if nobody else came;
    ///   never when more is asked for than the burst. Then nothing is taken.
    public mutating func acquire(
        _ permits: Int = 1, at now: MonotonicTime, until deadline: Deadline? = nil
    ) throws(ResilienceError) -> Duration {
        guard permits > 0 else { return .zero }
        guard permits <= rate.burst else { throw tooMany(permits) }
        let patience = rate.patience(until: deadline, at: now)
        let wait = state.reserve(permits, rate, at: now, limit: patience)
        if wait == 0 { return .zero }
        guard wait <= patience else { throw refusal(permits, wait: wait, patience: patience) }
        return .nanoseconds(wait)
    }

    /// Gives back what was taken in advance and will not be used.
    ///
    /// The place goes to the next call that would have to wait longer. Once its moment has come it counts as used.
    ///
    /// - Parameter due: the moment at which the call would have gone: when it asked, and its wait.
    public mutating func giveBack(_ permits: Int = 1, due: MonotonicTime, at now: MonotonicTime) {
        state.giveBack(permits, rate, due: due, at: now)
    }

    /// How many permits could be taken at once now.
    public func available(at now: MonotonicTime) -> Int {
        state.available(rate, at: now)
    }

    /// Changes the settings from now on. What was granted stays granted; the permits that are there stay, up to the new
    /// burst, and so does the line, up to the new `maxWait`. Another algorithm begins with the permits that are there.
    public mutating func reconfigure(_ configuration: Configuration, at now: MonotonicTime) {
        guard configuration != self.configuration else { return }
        let next = LimitRate(configuration)
        state.reconfigure(configuration.algorithm, from: rate, to: next, at: now)
        rate = next
        self.configuration = configuration
    }

    private func tooMany(_ permits: Int) -> ResilienceError {
        .rateLimited(by: name, tooMany: permits, configuration)
    }

    private func refusal(_ permits: Int, wait: Int64, patience: Int64) -> ResilienceError {
        .rateLimited(by: name, configuration, permits: permits, wait: wait, patience: patience)
    }
}

extension LimitRate {
    /// How long a call may wait, in nanoseconds.
    func patience(until deadline: Deadline?, at now: MonotonicTime) -> Int64 {
        guard maxWait > 0, let deadline else { return maxWait }
        // A call that goes at its deadline is too late.
        return min(maxWait, max(deadline.remaining(at: now).nanoseconds - 1, 0))
    }
}

extension ResilienceError {
    static func rateLimited(
        by name: String, _ limit: RateLimiter.Configuration, permits: Int, wait: Int64, patience: Int64
    ) -> ResilienceError {
        let turn = Duration.nanoseconds(wait)
        let asked = permits == 1 ? "the next permit" : "\(permits) permits"
        var text = "\(asked) in \(turn)"
        if patience < limit.maxWait.nanoseconds {
            text += ", after the deadline"
        } else if patience > 0 {
            text += ", calls wait at most \(limit.maxWait)"
        }
        return rateLimited(by: name, limit, text, retryAfter: .nanoseconds(wait - patience))
    }

    static func rateLimited(
        by name: String, _ limit: RateLimiter.Configuration, _ text: String, retryAfter: Duration?
    ) -> ResilienceError {
        var rule = "\(limit.permits) in \(limit.per)"
        if let burst = limit.burst { rule += ", at most \(burst) at once" }
        return ResilienceError(
            code: .rateLimited, message: "\(text); the limit is \(rule)", policy: name, retryAfter: retryAfter)
    }

    static func rateLimited(by name: String, tooMany permits: Int, _ limit: RateLimiter.Configuration) -> Self {
        rateLimited(by: name, limit, "\(permits) permits asked for at once", retryAfter: nil)
    }
}

extension ResilienceError.Code {
    /// A rate limiter refused the call; nothing was sent.
    public static let rateLimited = Self(rawValue: "rate-limited")
}
