import ApusPrimitives

/// The calls that a half-open breaker lets pass, and what they found.
struct Probes: Sendable {
    enum Verdict {
        case undecided, healthy, failing
    }

    private struct Probe: Sendable {
        let id: UInt64
        let started: MonotonicTime
    }

    /// How many outcomes are asked for.
    let limit: Int
    /// After this long without an outcome a probe counts as lost. Without it, callers that hang or forget their permit
    /// would keep the breaker half-open for ever.
    let patience: Duration
    private(set) var successes = 0
    private(set) var failures = 0
    /// Oldest first; never more than `limit`.
    private var started: [Probe] = []
    private var nextID: UInt64 = 0

    init(limit: Int, patience: Duration) {
        self.limit = limit
        self.patience = patience
    }

    var running: Int { started.count }

    private var isFull: Bool { successes + failures + started.count >= limit }

    func hasPlace(at now: MonotonicTime) -> Bool {
        !isFull || nextPlace(at: now) == .zero
    }

    /// How long until the oldest probe counts as lost; never negative.
    func nextPlace(at now: MonotonicTime) -> Duration {
        guard let oldest = started.first else { return .zero }
        return max(oldest.started + patience - now, .zero)
    }

    /// The identifier of a new probe; nil when as many are out as outcomes are missing.
    mutating func start(at now: MonotonicTime) -> UInt64? {
        if isFull {
            guard nextPlace(at: now) == .zero else { return nil }
            started.removeFirst()
        }
        nextID += 1
        started.append(Probe(id: nextID, started: now))
        return nextID
    }

    /// False when the probe is not out: its outcome came before, or too late.
    mutating func finish(_ id: UInt64, _ outcome: CircuitBreaker.Outcome) -> Bool {
        guard let index = started.firstIndex(where: { $0.id == id }) else { return false }
        started.remove(at: index)
        switch outcome {
        case .success: successes += 1
        case .failure: failures += 1
        case .ignored: break
        }
        return true
    }

    /// Decided as soon as the outcomes that are missing cannot change it.
    func verdict(threshold: Double) -> Verdict {
        if Double(failures) / Double(limit) >= threshold { return .failing }
        if Double(limit - successes) / Double(limit) < threshold { return .healthy }
        return .undecided
    }
}
