public import ApusPrimitives

/// Makes a second call when the first takes longer than most, and takes the answer that comes first.
///
/// A pure value that decides when an extra call begins and whether there may be one. J. Dean, L. Barroso: "The Tail at
/// Scale" (CACM 56, 2013), hedged requests: waiting for the 95th percentile keeps the additional load to some 5 %. A
/// budget keeps it there also when everything is slow, which is when more load does harm. Only for calls that may run
/// twice. `Locked<Hedge>.run` makes the calls.
public struct Hedge: Sendable {
    /// Latencies that are looked at: from this many on, each count of them is halved.
    private static let memory = 2_000
    /// A quantile is looked up once for so many latencies.
    private static let lookup = 32
    private static let oneCall = 1_000_000

    /// Names the hedge in metrics and messages.
    public let name: String
    public private(set) var configuration: Configuration
    /// Calls of the caller so far, each counted once.
    public private(set) var calls = 0
    /// Extra calls so far; never more than `budget` of `calls`.
    public private(set) var extraCalls = 0
    /// Calls that were answered by an extra call.
    public private(set) var wins = 0

    private var latencies = LatencyHistogram()
    /// As last looked up; nil before there were enough latencies.
    private var quantile: Duration?
    /// What is left for extra calls, in millionths of one, so that shares add up exactly.
    private var credit = 0

    public init(_ name: String = "hedge", configuration: Configuration = Configuration()) {
        self.name = name
        self.configuration = configuration
    }

    /// How long a call is waited for before another begins, now; nil while too few latencies are known.
    public var delay: Duration? {
        switch configuration.delay {
        case .fixed(let duration): max(duration, configuration.minimumDelay)
        case .quantile: quantile.map { max($0, configuration.minimumDelay) }
        }
    }

    /// A call begins: it adds its share to the budget.
    ///
    /// - Returns: after which time without an answer to ask for an extra call; nil when there is to be none.
    public mutating func begin() -> Duration? {
        calls += 1
        credit = min(credit + share, configuration.burst * Self.oneCall)
        return delay
    }

    /// Whether an extra call may begin, now that the delay is over; then it must.
    ///
    /// - Parameter extra: which extra call of the same call it would be, from 1.
    public mutating func startExtraCall(_ extra: Int = 1) -> Bool {
        guard extra <= configuration.maxExtraCalls, credit >= Self.oneCall else { return false }
        credit -= Self.oneCall
        extraCalls += 1
        return true
    }

    /// How long the first call of a call took to succeed, or until an extra call was faster and it was given up.
    ///
    /// The latter is less than it would have taken, but more than the delay: the quantile of the delay does not move by
    /// it, as it would if only the calls that were not hedged counted.
    public mutating func recordFirstCall(_ latency: Duration, wasOvertaken: Bool = false) {
        if wasOvertaken { wins += 1 }
        latencies.record(latency)
        if latencies.count >= Self.memory { latencies.fade() }
        if quantile == nil || latencies.count % Self.lookup == 0 { lookUp() }
    }

    /// Replaces the settings and keeps the latencies and what is left of the budget.
    public mutating func reconfigure(_ configuration: Configuration, at now: MonotonicTime) {
        self.configuration = configuration
        credit = min(credit, configuration.burst * Self.oneCall)
        lookUp()
    }

    private mutating func lookUp() {
        guard case .quantile(let rank) = configuration.delay, latencies.count >= configuration.minimumSamples else {
            return
        }
        quantile = latencies.quantile(rank)
    }

    private var share: Int { Int((configuration.budget * Double(Self.oneCall)).rounded()) }
}
