import ApusPrimitives

/// What an `OutlierDetector` knows of one host.
struct HostHealth: Sendable {
    enum Phase: Sendable {
        /// Takes calls. Enough failures in a row, or a success rate far under that of the others, lead to `ejected`.
        case healthy
        /// Takes none. Becomes `returning` by itself at this moment.
        case ejected(until: MonotonicTime)
        /// Takes one call at a time, its probe. Left for `healthy` by a success, for `ejected` by a failure.
        case returning(probe: Probe?)
    }

    struct Probe: Sendable {
        let id: UInt64
        let started: MonotonicTime
    }

    /// The least weight of a slow start.
    static let leastWeight = 0.1

    private(set) var phase = Phase.healthy
    /// Counts the ejections; a permit of before one is void.
    private(set) var period: UInt64 = 0
    /// Ejections that have not been lived down.
    private(set) var ejections = 0
    private(set) var failuresInARow = 0
    /// When its first call after an ejection succeeded; nil once it has its whole weight.
    private(set) var backSince: MonotonicTime?
    /// Of this interval.
    private(set) var calls = 0
    private(set) var successes = 0
    private var nextProbe: UInt64 = 0

    /// Neither ejected, nor coming back.
    var isSettled: Bool {
        if case .healthy = phase { backSince == nil } else { false }
    }

    func isEjected(at now: MonotonicTime) -> Bool {
        if case .ejected(let until) = phase { now < until } else { false }
    }

    func weight(at now: MonotonicTime, _ settings: OutlierConfiguration) -> Double {
        switch phase {
        case .healthy:
            guard let backSince, settings.slowStart > .zero else { return 1 }
            return min(max((now - backSince).seconds / settings.slowStart.seconds, Self.leastWeight), 1)
        case .ejected(let until): return now < until ? 0 : 1
        case .returning(let probe): return isLost(probe, at: now, settings) ? 1 : 0
        }
    }

    mutating func began(at now: MonotonicTime, _ settings: OutlierConfiguration) -> OutlierPermit {
        switch phase {
        case .healthy: return OutlierPermit(period: period, probe: nil)
        case .ejected(let until) where now < until: return OutlierPermit(period: period, probe: nil)
        case .returning(let probe) where !isLost(probe, at: now, settings):
            return OutlierPermit(period: period, probe: nil)
        case .ejected, .returning:
            nextProbe += 1
            phase = .returning(probe: Probe(id: nextProbe, started: now))
            return OutlierPermit(period: period, probe: nextProbe)
        }
    }

    mutating func succeeded(_ permit: OutlierPermit, at now: MonotonicTime, _ settings: OutlierConfiguration) {
        switch phase {
        case .healthy where permit.period == period:
            failuresInARow = 0
            calls += 1
            successes += 1
            if let since = backSince, now - since >= settings.slowStart { backSince = nil }
        case .returning(let probe) where isProbe(permit, probe): comeBack(at: now, settings)
        default: break  // it was sent before the ejection, or while there was no other: one answer proves nothing
        }
    }

    /// - Returns: why it should be ejected.
    mutating func failed(_ permit: OutlierPermit, _ settings: OutlierConfiguration) -> EjectionReason? {
        switch phase {
        case .healthy where permit.period == period:
            calls += 1
            failuresInARow = min(failuresInARow + 1, settings.consecutiveFailures)
            return failuresInARow == settings.consecutiveFailures ? .failuresInARow(failuresInARow) : nil
        case .returning(let probe) where isProbe(permit, probe): return .probe
        default: return nil
        }
    }

    /// A call ended without saying anything.
    mutating func ended(_ permit: OutlierPermit) {
        if case .returning(let probe) = phase, isProbe(permit, probe) { phase = .returning(probe: nil) }
    }

    mutating func eject(at now: MonotonicTime, _ settings: OutlierConfiguration) -> MonotonicTime {
        ejections += 1
        period += 1
        failuresInARow = 0
        backSince = nil
        let time = min(settings.baseEjection * min(ejections, 1_000_000), settings.maxEjection)
        phase = .ejected(until: now + time)
        return now + time
    }

    /// It should be ejected, but too many others are: it stays in, and its next failure asks again.
    mutating func spared(at now: MonotonicTime, _ settings: OutlierConfiguration) {
        guard case .returning = phase else { return }
        comeBack(at: now, settings)
        failuresInARow = settings.consecutiveFailures - 1
    }

    /// So many intervals are over.
    mutating func intervalsEnded(_ count: Int64, at now: MonotonicTime, _ settings: OutlierConfiguration) {
        calls = 0
        successes = 0
        if let backSince, now - backSince >= settings.slowStart { self.backSince = nil }
        if case .healthy = phase { ejections = Int(max(Int64(ejections) - count, 0)) }
    }

    /// The settings changed: no ejection lasts longer than the new ones allow.
    mutating func limit(at now: MonotonicTime, _ settings: OutlierConfiguration) {
        failuresInARow = min(failuresInARow, settings.consecutiveFailures - 1)
        if case .ejected(let until) = phase { phase = .ejected(until: min(until, now + settings.maxEjection)) }
    }

    private mutating func comeBack(at now: MonotonicTime, _ settings: OutlierConfiguration) {
        phase = .healthy
        failuresInARow = 0
        backSince = settings.slowStart > .zero ? now : nil
    }

    private func isProbe(_ permit: OutlierPermit, _ probe: Probe?) -> Bool {
        permit.period == period && probe != nil && permit.probe == probe?.id
    }

    /// Whether a call may be the probe: none is out, or it has been for so long that its caller must have forgotten it.
    private func isLost(_ probe: Probe?, at now: MonotonicTime, _ settings: OutlierConfiguration) -> Bool {
        probe.map { now - $0.started >= settings.maxEjection } ?? true
    }
}
