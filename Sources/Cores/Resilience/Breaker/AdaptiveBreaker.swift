public import ApusPrimitives

/// Refuses as many calls as the callee would refuse anyway, instead of all or none.
///
/// Client-side throttling of Google's "Site Reliability Engineering" (2016), chapter 21, "Handling Overload": a call is
/// refused with the probability `max(0, (requests − k × accepts) / (requests + 1))`, over the requests and accepts of a
/// window; what is refused here is a request without accept. That formula alone takes about a window to come back after an
/// outage. Here one call passes in each `probeInterval`, and once no call that was sent after the first success has failed
/// for `recovery`, what was before is forgotten; meanwhile the probability falls evenly. A pure value: whoever owns it
/// passes time and randomness in.
public struct AdaptiveBreaker: Sendable {
    public typealias Outcome = CircuitBreaker.Outcome

    /// Leave for one call.
    public struct Permit: Hashable, Sendable {
        let started: MonotonicTime
    }

    struct Counts: Hashable, Sendable, AdditiveArithmetic {
        var requests = 0
        var accepts = 0

        static let zero = Counts()

        static func + (left: Counts, right: Counts) -> Counts {
            Counts(requests: left.requests + right.requests, accepts: left.accepts + right.accepts)
        }

        static func - (left: Counts, right: Counts) -> Counts {
            Counts(requests: left.requests - right.requests, accepts: left.accepts - right.accepts)
        }
    }

    /// What a breaker knows at one moment.
    public struct Numbers: Hashable, Sendable {
        /// Calls that have ended in the window, and those refused.
        public let requests: Int
        /// Those that succeeded.
        public let accepts: Int
        /// 0 to 1.
        public let rejectionProbability: Double
    }

    /// In how many steps the window moves.
    static let buckets = 20

    /// Names the breaker in its errors.
    public let name: String
    public private(set) var configuration: Configuration
    private var window: TimeWindow<Counts>
    /// When the last call passed; nil before the first.
    private var lastPass: MonotonicTime?
    /// When the first call succeeded since one failed; nil while there is none.
    private var healthySince: MonotonicTime?

    public init(_ name: String = "adaptive breaker", configuration: Configuration = Configuration()) {
        self.name = name
        self.configuration = configuration
        window = TimeWindow(configuration.window, buckets: Self.buckets)
    }

    public func numbers(at now: MonotonicTime) -> Numbers {
        let counts = window.total(at: now)
        return Numbers(
            requests: counts.requests, accepts: counts.accepts,
            rejectionProbability: probability(counts, at: now))
    }

    /// Leave to call, now.
    ///
    /// - Throws: a `ResilienceError` with the code `.throttled`, the numbers seen, and when a call passes in any case.
    public mutating func acquire(
        at now: MonotonicTime, using random: inout some RandomNumberGenerator
    ) throws(ResilienceError) -> Permit {
        let counts = window.total(at: now)
        let probability = probability(counts, at: now)
        if probability > 0, Double.random(in: 0..<1, using: &random) < probability {
            let waited = lastPass.map { now - $0 } ?? configuration.probeInterval
            if waited < configuration.probeInterval {
                window.add(Counts(requests: 1), at: now)
                throw refusal(counts, probability, wait: configuration.probeInterval - waited)
            }
        }
        lastPass = now
        return Permit(started: now)
    }

    /// Takes in how the call ended that `permit` was given for, once for each permit.
    public mutating func record(_ permit: Permit, _ outcome: Outcome, at now: MonotonicTime) {
        switch outcome {
        case .ignored: return
        case .success:
            window.add(Counts(requests: 1, accepts: 1), at: now)
            let since = healthySince ?? now
            healthySince = since
            guard now - since >= configuration.recovery, probability(window.total, healthyFor: .zero) > 0 else {
                return
            }
            window.removeAll()
        case .failure:
            window.add(Counts(requests: 1), at: now)
            // One that was sent before the first success says nothing about the time since.
            if let since = healthySince, permit.started >= since { healthySince = nil }
        }
    }

    /// Changes the settings of a breaker in use; what was counted stays.
    public mutating func reconfigure(_ configuration: Configuration, at now: MonotonicTime) {
        if configuration.window != self.configuration.window {
            window = window.resized(to: configuration.window, buckets: Self.buckets, at: now)
        }
        self.configuration = configuration
    }

    private func probability(_ counts: Counts, at now: MonotonicTime) -> Double {
        probability(counts, healthyFor: healthySince.map { now - $0 } ?? .zero)
    }

    private func probability(_ counts: Counts, healthyFor time: Duration) -> Double {
        guard counts.requests >= configuration.minimumCalls else { return 0 }
        let excess = Double(counts.requests) - configuration.k * Double(counts.accepts)
        guard excess > 0 else { return 0 }
        let share = time <= .zero ? 1 : max(1 - time.seconds / configuration.recovery.seconds, 0)
        return excess / Double(counts.requests + 1) * share
    }

    private func refusal(_ counts: Counts, _ probability: Double, wait: Duration) -> ResilienceError {
        let percent = (probability * 1_000).rounded() / 10
        return ResilienceError(
            code: .throttled,
            message:
                "\(counts.accepts) of the last \(counts.requests) requests were accepted, \(percent) % are refused; "
                + "one passes in any case in \(wait)",
            policy: name, retryAfter: wait)
    }
}
