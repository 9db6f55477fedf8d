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
    /// After this long without an outcome a probe loses its place to another. Without it, callers that forget their permit
    /// would keep the breaker half-open for ever. Its outcome still counts, or a callee that needs longer would do so.
    var patience: Duration
    /// The probes with an outcome.
    private(set) var ended = CircuitBreaker.Counts.zero
    /// Oldest first; never more than the highest limit there was.
    private var started: [Probe] = []
    /// Those that lost their place and may yet have an outcome; of more than these the oldest are forgotten.
    private var overdue: [UInt64] = []
    private static let mostOverdue = 1_000
    private var lastID: UInt64 = 0
    static let first: UInt64 = 1

    init(limit: Int, patience: Duration) {
        self.limit = limit
        self.patience = patience
    }

    var running: Int { started.count }

    private var isFull: Bool { ended.calls + started.count >= limit }

    func hasPlace(at now: MonotonicTime) -> Bool {
        !isFull || nextPlace(at: now) == .zero
    }

    /// How long until the oldest probe loses its place; never negative.
    func nextPlace(at now: MonotonicTime) -> Duration {
        guard let oldest = started.first else { return .zero }
        return max(oldest.started + patience - now, .zero)
    }

    /// The identifier of a new probe; nil when as many are out as outcomes are missing.
    mutating func start(at now: MonotonicTime) -> UInt64? {
        if isFull {
            guard nextPlace(at: now) == .zero else { return nil }
            // When the limit was lowered meanwhile, there may be no place to take over.
            if !started.isEmpty { overdue.append(started.removeFirst().id) }
            if overdue.count > Self.mostOverdue { overdue.removeFirst() }
        }
        lastID += 1
        started.append(Probe(id: lastID, started: now))
        return lastID
    }

    /// False when the probe is not out: its outcome came before.
    mutating func finish(_ id: UInt64, _ outcome: CircuitBreaker.Outcome, slow: Bool) -> Bool {
        if let index = started.firstIndex(where: { $0.id == id }) {
            started.remove(at: index)
        } else if let index = overdue.firstIndex(of: id) {
            overdue.remove(at: index)
        } else {
            return false
        }
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
