import ApusPrimitives

extension ConcurrencyLimit {
    /// The least factor by which one window lowers the limit, before smoothing.
    private static let steepest = 0.5
    /// A measurement costs some latencies at half the limit: not more often than after so many of them.
    private static let latenciesBetweenProbes = 100.0
    /// A measurement that lowered the latency by more than this is followed by one at half its limit.
    private static let improvement = 0.8
    /// How much of a baseline measured in passing is new.
    private static let freshness = 0.3

    /// Enough outcomes are there: moves the limit, or ends the measurement.
    mutating func close(at now: MonotonicTime) {
        let median = window.latencies.quantile(0.5)
        if let median { latency = median }
        if let probe {
            endProbe(probe, median, at: now)
        } else if isBusy {
            // Where there may be a queue already, nothing follows from the first latency, but from what was dropped.
            if baseline != nil || window.dropShare > 0 { move(towards: median) }
            if baseline == nil || isProbeDue(at: now) { beginProbe() }
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
        if gradient < 1 || drops > 0 { isRising = false }
        guard !isRising else { return set(estimate * 2) }
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
        probe = Probe(
            number: probes, limit: max(Int(estimate / 2), configuration.minimumLimit), loaded: latency, last: latency)
    }

    private mutating func endProbe(_ probe: Probe, _ median: Duration?, at now: MonotonicTime) {
        guard window.dropShare < 0.5, let median, let loaded = probe.loaded, let last = probe.last else {
            // A callee that answers nothing tells nothing about its latency; try again later.
            self.probe = nil
            return settle(baseline, at: now)
        }
        if median.seconds < last.seconds * Self.improvement, probe.limit > configuration.minimumLimit {
            // There was a queue, and half of it may be left.
            probes += 1
            let next = max(probe.limit / 2, configuration.minimumLimit)
            self.probe = Probe(number: probes, limit: next, loaded: loaded, last: median)
            return
        }
        self.probe = nil
        let ratio = configuration.tolerance * median.seconds / max(loaded.seconds, 1e-9)
        if ratio < 1 { set(estimate * ratio + (estimate * ratio).squareRoot()) }
        settle(median, at: now)
    }

    private mutating func settle(_ baseline: Duration?, at now: MonotonicTime) {
        self.baseline = baseline
        measured = now
        highest = estimate
    }

    mutating func set(_ value: Double) {
        estimate = bounded(value)
        highest = max(highest, estimate)
    }

    func bounded(_ value: Double) -> Double {
        min(max(value, Double(configuration.minimumLimit)), Double(configuration.maximumLimit))
    }
}
