import ApusPrimitives
import ApusResilience

/// The concurrency limit's manual, written down as slowly and as plainly as possible: every request is kept for ever, and
/// every question is answered by looking at all of them.
struct NaiveConcurrencyLimit {
    private struct Request {
        let started: MonotonicTime
        let probe: Int?
        var ended = false
    }

    /// What an outcome said: how long it took, or nothing when it was dropped.
    private struct Sample {
        let latency: Duration?
    }

    var settings: ConcurrencyLimit.Configuration
    private var requests: [Request] = []
    private var samples: [Sample] = []
    private var refused = 0
    /// How many were in flight after each event of the window.
    private var flights: [Int] = [0]
    private var windowStarted = MonotonicTime.zero
    /// Every limit since the baseline was measured.
    private var estimates: [Double]
    private(set) var baseline: Duration?
    private var measured = MonotonicTime.zero
    private var probes = 0
    /// The limits of the measurement so far, and the latencies at each and before it; empty between measurements.
    private var steps: [Int] = []
    private var found: [Duration?] = []
    private var isRising = true
    private var latency: Duration?

    init(_ settings: ConcurrencyLimit.Configuration) {
        self.settings = settings
        estimates = [Double(settings.initialLimit)]
    }

    private var estimate: Double { estimates.last! }
    private var inFlight: Int { requests.count { !$0.ended } }

    var isProbing: Bool { !steps.isEmpty }
    var limit: Int { steps.last ?? Int(estimate) }

    /// The number of the request; nil when refused.
    mutating func acquire(_ priority: RequestPriority, at now: MonotonicTime) -> Int? {
        guard Double(inFlight) < Double(limit) * settings.shares[priority] else {
            refused += 1
            return nil
        }
        requests.append(Request(started: now, probe: isProbing ? probes : nil))
        flights.append(inFlight)
        return requests.count - 1
    }

    mutating func release(_ request: Int, _ outcome: ConcurrencyLimit.Outcome, at now: MonotonicTime) {
        requests[request].ended = true
        switch outcome {
        case .ignored: return
        case _ where isProbing && requests[request].probe != probes: return
        case .completed: samples.append(Sample(latency: now - requests[request].started))
        case .dropped: samples.append(Sample(latency: nil))
        }
        guard samples.count >= settings.minimumSamples else { return }
        guard isProbing || now - windowStarted >= settings.sampleWindow else { return }
        let latencies = samples.compactMap(\.latency)
        let drops = Double(samples.count - latencies.count) / Double(samples.count)
        adapt(latencies.isEmpty ? nil : Self.median(of: latencies), drops, at: now)
        samples = []
        refused = 0
        flights = [inFlight]
        windowStarted = now
    }

    mutating func reconfigure(_ settings: ConcurrencyLimit.Configuration) {
        self.settings = settings
        become(estimate)
        if let last = steps.popLast() { steps.append(min(max(last, settings.minimumLimit), settings.maximumLimit)) }
    }

    private mutating func adapt(_ median: Duration?, _ drops: Double, at now: MonotonicTime) {
        if let median { latency = median }
        if isProbing {
            let before = found.last!
            if drops < 0.5, let median, let before, let first = found[0] {
                found.append(median)
                if median.seconds < before.seconds * 0.8, steps.last! > settings.minimumLimit {
                    steps.append(max(steps.last! / 2, settings.minimumLimit))
                    probes += 1
                    return
                }
                baseline = median
                let ratio = settings.tolerance * median.seconds / max(first.seconds, 1e-9)
                if ratio < 1 { become(estimate * ratio + (estimate * ratio).squareRoot()) }
            }
            steps = []
            measured = now
            estimates = [estimate]
        } else if refused > 0 || flights.max()! * 2 >= limit {
            let isFirst = baseline == nil
            var gradient = 1.0
            if let median, let baseline {
                gradient = min(1, max(0.5, settings.tolerance * baseline.seconds / max(median.seconds, 1e-9)))
            }
            if gradient < 1 || drops > 0 { isRising = false }
            let target = estimate * gradient * (1 - drops / 2) + estimate.squareRoot() * (1 - drops)
            if !isFirst || drops > 0 {
                become(isRising ? estimate * 2 : estimate + settings.smoothing * (target - estimate))
            }
            let hundred = (baseline ?? .zero) * 100.0
            let isOld = now - measured >= max(settings.probeInterval, hundred)
            if isFirst || isOld || estimate * 2 <= estimates.max()! {
                steps = [max(Int(estimate / 2), settings.minimumLimit)]
                found = [latency]
                probes += 1
            }
        } else {
            become(estimate * (1 - settings.smoothing * drops / 2))
            guard drops < 0.5, let median else { return }
            if let old = baseline {
                let difference = Double(median.nanoseconds) - Double(old.nanoseconds)
                baseline = .nanoseconds(Int64(Double(old.nanoseconds) + 0.3 * difference))
            } else {
                baseline = median
            }
            measured = now
            estimates = [estimate]
        }
    }

    private mutating func become(_ value: Double) {
        estimates.append(min(max(value, Double(settings.minimumLimit)), Double(settings.maximumLimit)))
    }

    /// Of latencies that are sorted, within the bucket that holds the middle one.
    private static func median(of latencies: [Duration]) -> Duration {
        let sorted = latencies.map(\.nanoseconds).sorted()
        let middle = Double(sorted.count) / 2
        let (low, width) = bucket(of: sorted[(sorted.count + 1) / 2 - 1])
        let below = sorted.count { $0 < low }
        let here = sorted.count { $0 >= low && $0 < low + width }
        return .nanoseconds(low + Int64((middle - Double(below)) / Double(here) * Double(width)))
    }

    /// A sixteenth of the octave, at least 1,024 ns.
    private static func bucket(of nanoseconds: Int64) -> (low: Int64, width: Int64) {
        var width: Int64 = 1_024
        while width * 32 <= nanoseconds { width *= 2 }
        return (nanoseconds / width * width, width)
    }
}
