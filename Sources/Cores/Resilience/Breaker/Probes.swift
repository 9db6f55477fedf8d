import ApusPrimitives

/// The calls that a half-open breaker lets pass, and what they found.
struct Probes: Sendable {
    enum Finding {
        case undecided, healthy
        case failing(CircuitBreaker.Verdict)
    }

    private struct Probe: Sendable {
        let id: UInt64
        let started: MonotonicTime
    }

    /// How many outcomes are asked for.
    var limit: Int
    /// After this long without an outcome a probe counts as lost. Without it, callers that hang or forget their permit
    /// would keep the breaker half-open for ever.
    var patience: Duration
    /// The probes with an outcome.
    private(set) var ended = CircuitBreaker.Counts.zero
    /// Oldest first; never more than the highest limit there was.
    private var started: [Probe] = []
    private var nextID: UInt64 = 0

    init(limit: Int, patience: Duration) {
        self.limit = limit
        self.patience = patience
    }

    var running: Int { started.count }

    private var isFull: Bool { ended.calls + started.count >= limit }

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
    mutating func finish(_ id: UInt64, _ outcome: CircuitBreaker.Outcome, slow: Bool) -> Bool {
        guard let index = started.firstIndex(where: { $0.id == id }) else { return false }
        started.remove(at: index)
        if outcome != .ignored {
            ended += CircuitBreaker.Counts(calls: 1, failures: outcome == .failure ? 1 : 0, slow: slow ? 1 : 0)
        }
        return true
    }

    /// Decided as soon as the outcomes that are missing cannot change it.
    func finding(_ settings: CircuitBreaker.Configuration) -> Finding {
        // More than the limit have ended when the limit was lowered meanwhile.
        let all = max(limit, ended.calls)
        if let verdict = settings.verdict(on: ended, of: all) { return .failing(verdict) }
        let missing = all - ended.calls
        let worst = CircuitBreaker.Counts(
            calls: all, failures: ended.failures + missing, slow: ended.slow + missing)
        return settings.verdict(on: worst, of: all) == nil ? .healthy : .undecided
    }
}
