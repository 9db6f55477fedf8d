import ApusPrimitives
public import ApusResilience
public import CoreMetrics
public import Logging

/// What a `ResiliencePolicy` decides, as metrics and log lines.
///
/// ```swift
/// let metrics = PolicyMetrics("payment", logger: logger)
/// let payment = ResiliencePolicy("payment", onEvent: metrics.record)
/// ```
///
/// Every counter has the dimension `policy`. The share of degraded answers is
/// `rate(apus_policy_answers_total{kind="degraded"}[5m]) / ignoring(kind) sum without(kind) (rate(apus_policy_answers_total[5m]))`.
/// Log lines carry the trace of the call, because they are written on its task.
public struct PolicyMetrics: Sendable {
    private let policy: String
    private let logger: Logger?
    private let calls: [PolicyEvent.Ending: Counter]
    private let durations: [PolicyEvent.Ending: Timer]
    private let rejections: [ResiliencePolicy.Part: Counter]
    private let abandoned: Counter
    private let waits: Timer
    private let retries: Counter
    private let hedges: Counter
    private let timeouts: Counter
    private let full: Counter
    private let degraded: Counter
    private let reconfigurations: Counter
    private let breakerState: Meter
    private let limit: Meter

    /// - Parameters:
    ///   - policy: the policy's name.
    ///   - logger: told of breakers that change at `warning`, of new settings at `info`, of what was refused, retried,
    ///     hedged or degraded at `debug`; nil for no log lines.
    ///   - factory: nil for the one that the process was bootstrapped with.
    public init(_ policy: String, logger: Logger? = nil, factory: (any MetricsFactory)? = nil) {
        self.policy = policy
        self.logger = logger
        let backend = factory ?? MetricsSystem.factory
        func counter(_ name: String, _ dimensions: [(String, String)] = []) -> Counter {
            Counter(
                label: "apus_policy_\(name)_total", dimensions: [("policy", policy)] + dimensions, factory: backend)
        }
        func timer(_ name: String, _ dimensions: [(String, String)] = []) -> Timer {
            Timer(
                label: "apus_policy_\(name)_duration_seconds", dimensions: [("policy", policy)] + dimensions,
                factory: backend)
        }
        calls = Self.each(PolicyEvent.Ending.allCases) { counter("calls", [("outcome", $0.rawValue)]) }
        durations = Self.each(PolicyEvent.Ending.allCases) { timer("call", [("outcome", $0.rawValue)]) }
        rejections = Self.each(ResiliencePolicy.Part.allCases) { counter("rejections", [("part", $0.rawValue)]) }
        abandoned = counter("abandoned")
        waits = timer("wait")
        retries = counter("retries")
        hedges = counter("hedges")
        timeouts = counter("attempt_timeouts")
        full = counter("answers", [("kind", "full")])
        degraded = counter("answers", [("kind", "degraded")])
        reconfigurations = counter("reconfigurations")
        breakerState = Meter(
            label: "apus_policy_breaker_state", dimensions: [("policy", policy)], factory: backend)
        limit = Meter(label: "apus_policy_limit", dimensions: [("policy", policy)], factory: backend)
    }

    /// To be given to the policy as `onEvent`.
    public func record(_ event: PolicyEvent) {
        switch event {
        case .admitted(let waited):
            if waited > .zero { waits.recordNanoseconds(waited.nanoseconds) }
        case .abandoned: abandoned.increment()
        case .rejected(let part, let error):
            rejections[part]?.increment()
            log(.debug, "a call was refused") {
                ["part": "\(part.rawValue)", "code": "\(error.code.rawValue)", "why": "\(error.message)"]
            }
        case .retrying(let attempt, let wait, let error):
            retries.increment()
            log(.debug, "a call is tried again") {
                ["attempt": "\(attempt)", "after": "\(wait)", "error": "\(error)"]
            }
        case .hedged(let call):
            hedges.increment()
            log(.debug, "a call is hedged") { ["call": "\(call)"] }
        case .attemptTimedOut(let attempt):
            timeouts.increment()
            log(.debug, "an attempt timed out") { ["attempt": "\(attempt)"] }
        case .breakerChanged(let change):
            breakerState.set(Self.number(of: change.to))
            log(.warning, "a breaker changed its state") { ["from": "\(change.from)", "to": "\(change.to)"] }
        case .limitChanged(let limit): self.limit.set(limit)
        case .degraded(let error):
            degraded.increment()
            log(.debug, "a fallback answered") { ["error": "\(error)"] }
        case .ended(let ending, _, let took):
            calls[ending]?.increment()
            durations[ending]?.recordNanoseconds(took.nanoseconds)
            if ending == .succeeded { full.increment() }
        case .reconfigured:
            reconfigurations.increment()
            log(.info, "a policy has new settings") { [:] }
        }
    }

    private func log(_ level: Logger.Level, _ message: Logger.Message, _ more: () -> Logger.Metadata) {
        guard let logger, logger.logLevel <= level else { return }
        logger.log(level: level, message, metadata: more().merging(["policy": "\(policy)"]) { first, _ in first })
    }

    /// 0 closed, 1 half-open, 2 open; by force the same.
    private static func number(of state: CircuitBreaker.State) -> Double {
        switch state {
        case .closed, .forcedClosed: 0
        case .halfOpen: 1
        case .open, .forcedOpen: 2
        }
    }

    private static func each<Key: Hashable, Value>(_ keys: [Key], _ make: (Key) -> Value) -> [Key: Value] {
        Dictionary(uniqueKeysWithValues: keys.map { ($0, make($0)) })
    }
}
