import ApusPrimitives

/// One call on its way through a policy: what it holds and must give back, and how the policy was set when it began.
@usableFromInline
struct PolicyCall: Sendable {
    let started: MonotonicTime
    /// The earlier one of the caller's and the policy's own; the moment alone.
    private(set) var deadline: Deadline?
    /// The caller's deadline is the earlier one, and cancels this very task.
    private(set) var isKept = false
    /// Nil before it came in.
    private var settings: PolicySettings?
    /// When the rate limit lets it go on; nil when it need not wait.
    var turn: PolicyLeave<MonotonicTime>?
    /// Its place under the load shedding's limit.
    var place: Place?
    /// Whether it is inside the bulkhead.
    var isInside = false
    /// Whether it passed everything that could keep it out.
    @usableFromInline var isAdmitted = false
    /// Attempts that have begun.
    @usableFromInline var attempts = 0
    /// The wait before the present attempt.
    var wait = Duration.zero
    /// Of the breakers, for the present attempt.
    var leave = BreakerLeave()
    /// When the present attempt is cancelled.
    @usableFromInline private(set) var cutOff = CutOff(deadline: nil, isOurs: false)
    /// Why the last attempt failed.
    var failure: (any Error)?

    typealias Place = PolicyLeave<ConcurrencyLimit.Permit>

    struct BreakerLeave: Sendable {
        var breaker: PolicyLeave<CircuitBreaker.Permit>?
        var adaptive: PolicyLeave<AdaptiveBreaker.Permit>?
    }

    var retry: RetryPolicy? { settings?.configuration.retry }
    var attemptTimeout: Duration? { settings?.configuration.attemptTimeout }
    var bulkhead: Bulkhead? { settings?.bulkhead }
    var hedge: Locked<Hedge>? { settings?.hedge }

    init(at now: MonotonicTime) {
        started = now
    }

    /// - Parameter outer: the caller's deadline.
    mutating func begin(_ outer: Deadline?, under settings: PolicySettings) {
        self.settings = settings
        let own = settings.configuration.deadline.map { Deadline(after: $0, from: started) }
        if let outer, own.map({ outer <= $0 }) ?? true {
            deadline = Deadline(expires: outer.expires)
            isKept = outer.isKeptHere
        } else {
            deadline = own
        }
    }

    @usableFromInline var isHedged: Bool { hedge != nil }
    @inlinable var attempt: ResiliencePolicy.Attempt { ResiliencePolicy.Attempt(number: attempts, hedge: 1) }
    /// At which the policy has to cancel the present attempt; nil when somebody else does, or nobody need.
    @inlinable var ownCutOff: Deadline? { cutOff.isOurs ? cutOff.deadline : nil }

    /// An attempt begins.
    mutating func begin(at now: MonotonicTime) {
        if isHedged {
            // Each call of the hedge sees to its own.
            attempts += 1
            cutOff = CutOff(deadline: deadline, isOurs: false)
        } else {
            cutOff = CutOff(after: attemptTimeout, within: deadline, isKept: isKept, from: now)
        }
    }

    /// Of a call of the hedge that begins now, in a task of its own.
    func hedgedCutOff(at now: MonotonicTime) -> CutOff {
        CutOff(after: attemptTimeout, within: deadline, isKept: false, from: now)
    }

    /// The moment at which an attempt is cancelled.
    @usableFromInline
    struct CutOff: Sendable {
        @usableFromInline let deadline: Deadline?
        /// Whether the policy has to see to that.
        @usableFromInline let isOurs: Bool

        init(deadline: Deadline?, isOurs: Bool) {
            self.deadline = deadline
            self.isOurs = isOurs
        }

        /// - Parameter isKept: somebody else cancels the attempt at `deadline`.
        init(after timeout: Duration?, within deadline: Deadline?, isKept: Bool, from now: MonotonicTime) {
            let own = timeout.map { Deadline(after: $0, from: now) }
            if let own, deadline.map({ own < $0 }) ?? true {
                self.init(deadline: own, isOurs: true)
            } else {
                self.init(deadline: deadline, isOurs: deadline != nil && !isKept)
            }
        }
    }

    /// Whether an attempt that ended at `now` was in time. The clock decides, not the race.
    func lateness(_ cutOff: CutOff, at now: MonotonicTime) -> Lateness {
        // Never after the call's.
        guard let moment = cutOff.deadline, moment.hasPassed(at: now) else { return .inTime }
        return deadline.map { $0.hasPassed(at: now) } ?? false ? .callTooLate : .attemptTooLate
    }

    enum Lateness: Sendable {
        case inTime
        /// There may be another attempt.
        case attemptTooLate
        case callTooLate
    }
}

/// What a policy is set to, shared by the calls that began under it: a call keeps one reference.
final class PolicySettings: Sendable {
    let configuration: ResiliencePolicy.Configuration
    /// Both have locks of their own.
    let bulkhead: Bulkhead?
    let hedge: Locked<Hedge>?

    init(_ configuration: ResiliencePolicy.Configuration, bulkhead: Bulkhead?, hedge: Locked<Hedge>?) {
        self.configuration = configuration
        self.bulkhead = bulkhead
        self.hedge = hedge
    }
}

/// Which part refused a call, and the error it gave. An object, so that calls which are not refused carry a pointer.
final class PolicyRejection: Error {
    let part: ResiliencePolicy.Part
    let error: ResilienceError

    init(part: ResiliencePolicy.Part, error: ResilienceError) {
        self.part = part
        self.error = error
    }
}
