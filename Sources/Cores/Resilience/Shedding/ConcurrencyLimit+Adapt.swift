import ApusPrimitives

extension ConcurrencyLimit {
    /// The least factor by which one window lowers the limit, before smoothing.
    private static let steepest = 0.5
    /// A measurement costs some latencies at half the limit: not more often than after so many of them.
    private static let latenciesBetweenProbes = 100.0
    /// How much of a baseline measured in passing is new.
    private static let freshness = 0.3

    /// Enough outcomes are there: moves the limit, or ends the measurement.
    mutating func close(at now: MonotonicTime) {
        let median = window.latencies.quantile(0.5)
        if let median { latency = median }
        if probe != nil {
            endProbe(median, at: now)
        } else if isBusy {
            let isFirst = baseline == nil
            if isFirst { baseline = median }
            move(towards: median)
            if isFirst || isProbeDue(at: now) { beginProbe() }
        } else {
            observe(median, at: now)
        }
        window.restart(at: now, inFlight: inFlight)
    }

    /// Whether the limit was felt; when not, latencies are those of a callee without a queue.
    private var isBusy: Bool { window.refused > 0 || window.peak * 2 >= limit }

    private mutating func move(towards median: Duration?) {
        let drops = window.dropShare
        var gradient = 1.0
        if let median, let baseline {
            let ratio = configuration.tolerance * baseline.seconds / max(median.seconds, 1e-9)
            gradient = min(max(ratio, Self.steepest), 1)
        }
        let target = estimate * gradient * (1 - drops / 2) + estimate.squareRoot() * (1 - drops)
        set(estimate + configuration.smoothing * (target - estimate))
    }

    /// Room is left: the limit has no reason to rise, and falls only by what was dropped.
    private mutating func observe(_ median: Duration?, at now: MonotonicTime) {
        set(estimate * (1 - configuration.smoothing * window.dropShare / 2))
        guard let median, window.dropShare < 0.5 else { return }
        let old = Double((baseline ?? median).nanoseconds)
        settle(.nanoseconds(Int64(old + Self.freshness * (Double(median.nanoseconds) - old))), at: now)
    }

    private func isProbeDue(at now: MonotonicTime) -> Bool {
        // What halved the limit may be a callee that became slow: the old baseline would starve it.
        if estimate * 2 <= highest { return true }
        let rest = (baseline ?? .zero) * Self.latenciesBetweenProbes
        return now - measured >= max(configuration.probeInterval, rest)
    }

    private mutating func beginProbe() {
        probes += 1
        probe = probes
    }

    private mutating func endProbe(_ median: Duration?, at now: MonotonicTime) {
        probe = nil
        // A callee that answers nothing tells nothing about its latency; try again later.
        settle(window.dropShare < 0.5 ? median ?? baseline : baseline, at: now)
    }

    private mutating func settle(_ baseline: Duration?, at now: MonotonicTime) {
        self.baseline = baseline
        measured = now
        highest = estimate
    }

    mutating func set(_ value: Double) {
        estimate = min(max(value, Double(configuration.minimumLimit)), Double(configuration.maximumLimit))
        highest = max(highest, estimate)
    }
}
