public import ApusPrimitives

/// How many second attempts a client may make: a share of its live traffic and a floor for those with little of it.
///
/// Without a budget, an outage multiplies the load by the number of attempts, at the worst moment. Finagle's `RetryBudget`,
/// which Linkerd has too, counted in a sliding window: within any `window` there are at most
/// `share × calls + floorPerSecond × window` second attempts. One budget is shared by all calls to the same callee. A pure
/// value; `RetryPolicy.run` asks it.
public struct RetryBudget: Sendable {
    struct Counts: Hashable, Sendable, AdditiveArithmetic {
        var calls = 0
        var retries = 0

        static let zero = Counts()

        static func + (left: Counts, right: Counts) -> Counts {
            Counts(calls: left.calls + right.calls, retries: left.retries + right.retries)
        }

        static func - (left: Counts, right: Counts) -> Counts {
            Counts(calls: left.calls - right.calls, retries: left.retries - right.retries)
        }
    }

    /// What a budget knows at one moment.
    public struct Numbers: Hashable, Sendable {
        /// First attempts in the window.
        public let calls: Int
        /// Second and later attempts in the window.
        public let retries: Int
        /// How many of these it allows for so many calls.
        public let allowed: Int

        /// What is left; zero when fewer are allowed than were made.
        public var balance: Int { max(allowed - retries, 0) }
    }

    /// Why an attempt was not allowed.
    public struct Shortage: Hashable, Sendable {
        public let name: String
        public let configuration: Configuration
        public let numbers: Numbers
        /// When the next attempt is allowed if nobody calls until then; nil for a budget that never allows one without
        /// calls.
        public let retryAfter: Duration?

        /// - Parameter prefix: what the caller did before, for the message.
        func error(after prefix: String = "", policy: String? = nil, cause: (any Error)?) -> ResilienceError {
            ResilienceError(
                code: .retryBudgetExhausted,
                message: "\(prefix)\(numbers.retries) of \(numbers.allowed) second attempts allowed in "
                    + "\(configuration.window) are used (\(configuration.share * 100) % of \(numbers.calls) calls, "
                    + "and \(configuration.floorPerSecond) a second)",
                policy: policy ?? name, retryAfter: retryAfter, cause: cause)
        }
    }

    /// In how many steps the window moves.
    static let buckets = 10

    /// Names the budget in its errors.
    public let name: String
    public private(set) var configuration: Configuration
    private var window: TimeWindow<Counts>

    public init(_ name: String = "retry budget", configuration: Configuration = Configuration()) {
        self.name = name
        self.configuration = configuration
        window = TimeWindow(configuration.window, buckets: Self.buckets)
    }

    /// A call begins: its first attempt pays for a share of a second one.
    public mutating func recordCall(at now: MonotonicTime) {
        window.add(Counts(calls: 1), at: now)
    }

    /// Leave for one more attempt of a call whose attempt failed. Nothing is given back.
    public mutating func withdraw(at now: MonotonicTime) -> Bool {
        let counts = window.total(at: now)
        guard counts.retries < configuration.allowed(for: counts.calls) else { return false }
        window.add(Counts(retries: 1), at: now)
        return true
    }

    public func numbers(at now: MonotonicTime) -> Numbers {
        let counts = window.total(at: now)
        return Numbers(
            calls: counts.calls, retries: counts.retries, allowed: configuration.allowed(for: counts.calls))
    }

    /// Why leave is not given at `now`.
    public func shortage(at now: MonotonicTime) -> Shortage {
        Shortage(
            name: name, configuration: configuration, numbers: numbers(at: now),
            retryAfter: window.wait(from: now) { $0.retries < configuration.allowed(for: $0.calls) })
    }

    /// The error of whoever was not given leave.
    public func refusal(at now: MonotonicTime, cause: (any Error)? = nil) -> ResilienceError {
        shortage(at: now).error(cause: cause)
    }

    /// Changes the settings of a budget in use; what was counted stays.
    public mutating func reconfigure(_ configuration: Configuration, at now: MonotonicTime) {
        if configuration.window != self.configuration.window {
            window = window.resized(to: configuration.window, buckets: Self.buckets, at: now)
        }
        self.configuration = configuration
    }
}
