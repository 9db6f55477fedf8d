public import ApusPrimitives

/// Lets no more requests in at a time than are answered without queueing for long, and finds out how many that is.
///
/// A pure value: whoever owns it passes the time in. The gradient of Netflix's concurrency-limits (`Gradient2Limit`,
/// 2018) with the measured reference of Envoy's adaptive concurrency: the limit is multiplied by
/// `tolerance × latency without a queue ÷ latency now`, at most 1, and the square root of the limit is added for the
/// queue that keeps the callee busy. The latency without a queue is measured whenever less than half of the limit is in
/// use, and else now and then by halving the limit for some latencies, and again as long as that helps, so that it cannot creep up with the queue.
/// Until the first queue the limit doubles.
///
/// Ask `acquire` before a request and `release` its permit once, however it ended; `Locked<ConcurrencyLimit>.run` does both.
public struct ConcurrencyLimit: Sendable {
    /// How a request ended.
    public enum Outcome: Hashable, Sendable {
        /// It was answered: how long it took tells about the queue.
        case completed
        /// It timed out, or the callee refused it for overload: the limit falls by the share of these.
        case dropped
        /// How long it took says nothing: it failed at once, was answered from a cache, or was cancelled.
        case ignored
    }

    /// Leave for one request.
    public struct Permit: Hashable, Sendable {
        let started: MonotonicTime
        /// Which measurement it belongs to; zero when to none.
        let probe: UInt64
    }

    /// What is collected until the limit moves.
    struct Window: Sendable {
        var started: MonotonicTime
        var latencies = LatencyHistogram()
        var dropped = 0
        var refused = 0
        /// The most requests that were in flight at a time.
        var peak = 0

        var outcomes: Int { latencies.count + dropped }
        var dropShare: Double { outcomes == 0 ? 0 : Double(dropped) / Double(outcomes) }

        mutating func restart(at now: MonotonicTime, inFlight: Int) {
            started = now
            latencies.removeAll()
            dropped = 0
            refused = 0
            peak = inFlight
        }
    }

    /// A measurement of the latency without a queue.
    struct Probe: Sendable {
        let number: UInt64
        var limit: Int
        /// The latency before the limit was lowered, and at the last lower limit.
        let loaded: Duration?
        let last: Duration?
    }

    /// Names the limit in its errors.
    public let name: String
    public internal(set) var configuration: Configuration
    /// Requests let in and not released.
    public internal(set) var inFlight = 0
    /// The latency without a queue, as last measured; nil before the first measurement.
    public internal(set) var baseline: Duration?
    /// The median latency of the last window; nil before there was one.
    public internal(set) var latency: Duration?

    var estimate: Double
    var window: Window
    /// The running measurement; nil between measurements. Left by the outcomes of its own requests.
    var probe: Probe?
    var probes: UInt64 = 0
    /// Until the first queue the limit doubles: nothing is known of the callee yet.
    var isRising = true
    /// When the baseline was last measured.
    var measured: MonotonicTime
    /// The highest limit since then.
    var highest: Double

    public init(_ name: String = "concurrency limit", configuration: Configuration = Configuration()) {
        self.name = name
        self.configuration = configuration
        estimate = Double(configuration.initialLimit)
        highest = estimate
        measured = .zero
        window = Window(started: .zero)
    }

    /// How many requests of the highest priority may be in flight at a time, now.
    public var limit: Int {
        probe?.limit ?? Int(estimate)
    }

    /// Whether the limit is lowered to measure the latency without a queue.
    public var isProbing: Bool { probe != nil }

    /// How many requests may be in flight at a time for one of this priority to be let in; at least 1.
    @inline(__always)
    public func limit(for priority: RequestPriority) -> Int {
        priority == .critical
            ? limit : Int((Double(limit) * configuration.shares[priority]).rounded(.up))
    }

    /// Leave to begin, now.
    ///
    /// - Throws: a `ResilienceError` with the code `.overloaded`, the numbers seen, and when there may be room: after one
    ///   latency for the first refused in a window, and later the more were refused since.
    public mutating func acquire(
        _ priority: RequestPriority = .current, at now: MonotonicTime
    ) throws(ResilienceError) -> Permit {
        guard inFlight < limit(for: priority) else {
            window.refused += 1
            throw refusal(priority)
        }
        inFlight += 1
        window.peak = max(window.peak, inFlight)
        return Permit(started: now, probe: probe?.number ?? 0)
    }

    /// Takes in how the request ended that `permit` was given for, once for each permit.
    ///
    /// - Returns: the limit, when this outcome changed it.
    @discardableResult
    public mutating func release(_ permit: Permit, _ outcome: Outcome, at now: MonotonicTime) -> Int? {
        inFlight = max(inFlight - 1, 0)
        // While measuring, only requests that began without a queue before them count.
        guard outcome != .ignored, probe == nil || permit.probe == probe?.number else { return nil }
        if outcome == .dropped {
            window.dropped += 1
        } else {
            window.latencies.record(now - permit.started)
        }
        guard window.outcomes >= configuration.minimumSamples else { return nil }
        guard probe != nil || now - window.started >= configuration.sampleWindow else { return nil }
        let before = limit
        close(at: now)
        return limit == before ? nil : limit
    }

    /// Replaces the settings and keeps what was learnt: requests in flight, latencies, and the limit, moved between the
    /// new bounds.
    public mutating func reconfigure(_ configuration: Configuration, at now: MonotonicTime) {
        self.configuration = configuration
        set(estimate)
        guard var probe else { return }
        probe.limit = Int(bounded(Double(probe.limit)))
        self.probe = probe
    }

    func refusal(_ priority: RequestPriority) -> ResilienceError {
        var message = "\(inFlight) requests are in flight, the limit is \(limit)"
        if priority != .critical { message += ", \(limit(for: priority)) for \(priority) ones" }
        if let latency, let baseline {
            message += "; they take \(latency.milliseconds) ms, without a queue \(baseline.milliseconds) ms"
        }
        return ResilienceError(code: .overloaded, message: message, policy: name, retryAfter: roomAfter)
    }

    /// In one latency the whole limit turns over once, so as many as were refused get their turn.
    private var roomAfter: Duration {
        let turn = latency ?? baseline ?? .milliseconds(100)
        let turns = 1 + Double(max(window.refused - 1, 0)) / Double(max(limit, 1))
        return min(max(turn, .milliseconds(1)) * turns, .seconds(30))
    }
}

extension ResilienceError.Code {
    /// A concurrency limit refused the request; nothing was done for it.
    public static let overloaded = ResilienceError.Code(rawValue: "overloaded")
}

extension Duration {
    /// With one digit after the point, for messages.
    fileprivate var milliseconds: Double { (seconds * 10_000).rounded() / 10 }
}
