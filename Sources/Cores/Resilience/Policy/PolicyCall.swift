import ApusPrimitives

/// One call on its way through a policy: what it holds and must give back, and how the policy was set when it began.
struct PolicyCall: Sendable {
    let started: MonotonicTime
    /// The earlier one of the caller's and the policy's own.
    let deadline: Deadline?
    /// The caller's deadline is the earlier one, and cancels this very task.
    let isKept: Bool
    let retry: RetryPolicy?
    let attemptTimeout: Duration?
    let bulkhead: Bulkhead?
    let hedge: Locked<Hedge>?
    /// When the rate limit lets it go on; nil when it need not wait.
    var turn: PolicyLeave<MonotonicTime>?
    /// Its place under the load shedding's limit.
    var place: PolicyLeave<ConcurrencyLimit.Permit>?
    /// Whether it is inside the bulkhead.
    var isInside = false
    /// Attempts that have begun.
    var attempts = 0
    /// The wait before the present attempt.
    var wait = Duration.zero
    /// Of the breakers, for the present attempt.
    var leave = BreakerLeave()
    /// Why the last attempt failed.
    var failure: (any Error)?

    struct BreakerLeave: Sendable {
        var breaker: PolicyLeave<CircuitBreaker.Permit>?
        var adaptive: PolicyLeave<AdaptiveBreaker.Permit>?
    }

    init(_ outer: Deadline?, _ state: PolicyState, at now: MonotonicTime) {
        let own = state.configuration.deadline.map { Deadline(after: $0, from: now) }
        started = now
        retry = state.configuration.retry
        attemptTimeout = state.configuration.attemptTimeout
        bulkhead = state.bulkhead
        hedge = state.hedge
        if let outer, own.map({ outer <= $0 }) ?? true {
            deadline = outer
            isKept = outer.isKeptHere
        } else {
            deadline = own
            isKept = false
        }
    }

    /// The moment at which an attempt is cancelled.
    struct CutOff: Sendable {
        let deadline: Deadline?
        /// Whether the policy has to see to that.
        let isOurs: Bool
    }

    /// For an attempt that begins now; in a task of a hedge nothing is kept by others.
    func cutOff(at now: MonotonicTime, inOwnTask: Bool = false) -> CutOff {
        let timeout = attemptTimeout.map { Deadline(after: $0, from: now) }
        guard let deadline else { return CutOff(deadline: timeout, isOurs: timeout != nil) }
        if let timeout, timeout < deadline { return CutOff(deadline: timeout, isOurs: true) }
        return CutOff(deadline: deadline, isOurs: inOwnTask || !isKept)
    }

    /// Whether an attempt that ended at `now` was in time. The clock decides, not the race.
    func lateness(_ cutOff: CutOff, at now: MonotonicTime) -> Lateness {
        if let deadline, deadline.hasPassed(at: now) { return .callTooLate }
        if let moment = cutOff.deadline, moment.hasPassed(at: now) { return .attemptTooLate }
        return .inTime
    }

    enum Lateness: Sendable {
        case inTime
        /// There may be another attempt.
        case attemptTooLate
        case callTooLate
    }
}

/// Which part refused a call, and the error it gave.
struct PolicyRejection: Error {
    let part: ResiliencePolicy.Part
    let error: ResilienceError
}
