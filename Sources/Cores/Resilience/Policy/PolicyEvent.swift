/// Something a `ResiliencePolicy` decided, for logs, metrics and traces.
///
/// Told after the decision and outside the policy's lock: events of calls that run side by side may come in another order
/// than the decisions.
public enum PolicyEvent: Sendable {
    /// A call passed rate limit, load shedding and bulkhead, after waiting so long for its turn.
    case admitted(waited: Duration)
    /// The caller went away while the call waited to be admitted.
    case abandoned
    /// `part` refused the call or gave it up; the call ends with the error, or with its fallback.
    case rejected(by: ResiliencePolicy.Part, ResilienceError)
    /// Attempt number `attempt` (from 2) begins after this wait, because the one before failed.
    case retrying(attempt: Int, after: Duration, because: any Error)
    /// A call beside the first of its attempt begins: number 2 or more.
    case hedged(call: Int)
    /// An attempt had no answer after `attemptTimeout`.
    case attemptTimedOut(attempt: Int)
    /// The circuit breaker went from one state to another.
    case breakerChanged(CircuitBreaker.Transition)
    /// The limit of the load shedding moved.
    case limitChanged(to: Int)
    /// A fallback answered in place of the callee.
    case degraded(because: any Error)
    /// A call that was admitted has ended, its retries included.
    case ended(Ending, attempts: Int, took: Duration)
    /// `update` replaced the settings.
    case reconfigured

    /// How an admitted call ended, before any fallback.
    public enum Ending: String, Hashable, Sendable, CaseIterable {
        case succeeded
        case failed
        /// The caller went away.
        case cancelled
    }
}
