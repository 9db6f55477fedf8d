import ApusPrimitives

/// One call on its way through a policy: what it holds and must give back, and how the policy was set when it began.
@usableFromInline
struct PolicyCall: Sendable {
    let started: MonotonicTime
    /// When nobody waits for it any more: the earlier one of the caller's deadline and the policy's own.
    private var expires: MonotonicTime?
    /// The caller's deadline is the earlier one.
    private var isCallers = false
    /// And it cancels this very task.
    private(set) var isKept = false
    /// Nil before it came in, and when it is over.
    var settings: PolicySettings?
    /// When the rate limit lets it go on; nil when it need not wait.
    var turn: PolicyLeave<MonotonicTime>?
    /// Its place under the load shedding's limit.
    var place: Place?
    /// Whether it waits for nothing more, and has its place in the bulkhead, if there is one.
    var isInside = false
    /// Attempts that have begun.
    var attempts = 0
    /// The wait before the present attempt.
    var wait = Duration.zero
    /// Of the breakers, for the present attempt.
    var leave = BreakerLeave()
    /// When the present attempt began.
    private(set) var begun: MonotonicTime
    /// When the present attempt is cancelled.
    private(set) var cutOff = CutOff(moment: nil, isOurs: false)
    /// Why the last attempt failed.
    var failure: (any Error)?

    typealias Place = PolicyLeave<ConcurrencyLimit.Permit>

    struct BreakerLeave: Sendable {
        var breaker: PolicyLeave<CircuitBreaker.Permit>?
        var adaptive: PolicyLeave<AdaptiveBreaker.Permit>?
    }

    var deadline: Deadline? { expires.map { Deadline(expires: $0) } }
    var retry: RetryPolicy? { settings?.configuration.retry }
    var attemptTimeout: Duration? { settings?.configuration.attemptTimeout }
    var bulkhead: Bulkhead? { settings?.bulkhead }
    var hedge: Locked<Hedge>? { settings?.hedge }

    init(at now: MonotonicTime) {
        started = now
        begun = now
    }

    /// - Parameters:
    ///   - outer: the caller's deadline.
    ///   - time: which the policy gives it.
    mutating func begin(_ outer: Deadline?, within time: Duration?) {
        let own = time.map { started + $0 }
        if let outer, own.map({ outer.expires <= $0 }) ?? true {
            expires = outer.expires
            isCallers = true
            isKept = outer.isKeptHere
        } else {
            expires = own
        }
    }

    private var isHedged: Bool { hedge != nil }

    /// The call is over: gives its place in the bulkhead back.
    mutating func leaveBulkhead() {
        guard isInside, let settings = settings.take() else { return }
        isInside = false
        settings.bulkhead?.release()
    }

    /// An attempt begins.
    mutating func begin(at now: MonotonicTime) -> Start {
        begun = now
        if isHedged {
            // Each call of the hedge sees to its own.
            attempts += 1
            cutOff = CutOff(moment: expires, isOurs: false)
        } else {
            cutOff = CutOff(after: attemptTimeout, within: expires, isKept: isKept, from: now)
        }
        return Start(
            attempt: ResiliencePolicy.Attempt(number: attempts, hedge: 1), cutOff: cutOff.own, isHedged: isHedged)
    }

    /// How an attempt begins.
    @usableFromInline
    struct Start: Sendable {
        @usableFromInline let attempt: ResiliencePolicy.Attempt
        /// At which the policy has to cancel it; nil when somebody else does, or nobody need.
        @usableFromInline let cutOff: Deadline?
        @usableFromInline let isHedged: Bool
    }

    /// Of a call of the hedge that begins now, in a task of its own.
    func hedgedCutOff(at now: MonotonicTime) -> CutOff {
        CutOff(after: attemptTimeout, within: expires, isKept: false, from: now)
    }

    /// When an attempt is cancelled.
    struct CutOff: Sendable {
        let moment: MonotonicTime?
        /// Whether the policy has to see to that.
        let isOurs: Bool

        init(moment: MonotonicTime?, isOurs: Bool) {
            self.moment = moment
            self.isOurs = isOurs
        }

        /// - Parameters:
        ///   - expires: of the call.
        ///   - isKept: somebody else cancels the attempt then.
        init(after timeout: Duration?, within expires: MonotonicTime?, isKept: Bool, from now: MonotonicTime) {
            let own = timeout.map { now + $0 }
            if let own, expires.map({ own < $0 }) ?? true {
                self.init(moment: own, isOurs: true)
            } else {
                self.init(moment: expires, isOurs: expires != nil && !isKept)
            }
        }

        /// At which the policy has to cancel the attempt; nil when somebody else does, or nobody need.
        var own: Deadline? { isOurs ? moment.map { Deadline(expires: $0) } : nil }
    }

    /// Whether an attempt that ended at `now` was in time. The clock decides, not the race.
    func lateness(_ cutOff: CutOff, at now: MonotonicTime) -> Lateness {
        // Never after the call's.
        guard let moment = cutOff.moment, now >= moment else { return .inTime }
        return expires.map { now >= $0 } ?? false ? .callTooLate : .attemptTooLate
    }

    /// Whether an attempt that began at `start` was late only because the caller left it so little time: that says nothing
    /// about the callee.
    func isHurried(_ lateness: Lateness, since start: MonotonicTime) -> Bool {
        guard lateness == .callTooLate, isCallers, let expires else { return false }
        return expires - start < min(attemptTimeout ?? Self.fairTime, Self.fairTime)
    }

    /// What any callee should need at most: a caller who gives it less has only himself to blame.
    private static let fairTime = Duration.milliseconds(500)

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
