import ApusPrimitives

/// Everything of a policy that calls share. A pure value: the shell passes the time in, and does outside the lock what it
/// is told.
struct PolicyState: Sendable {
    let names: PolicyNames
    private(set) var configuration: ResiliencePolicy.Configuration
    private(set) var counts = PolicyCounts()
    private(set) var breaker: PolicySlot<CircuitBreaker>
    private var random: SeededRandom

    init(_ names: PolicyNames, _ configuration: ResiliencePolicy.Configuration, seed: UInt64) {
        self.names = names
        self.configuration = configuration
        breaker = PolicySlot(configuration.breaker.map { CircuitBreaker(names.breaker, configuration: $0) })
        random = SeededRandom(seed: seed)
    }

    /// A call comes in.
    ///
    /// - Parameter outer: the caller's deadline.
    mutating func begin(_ outer: Deadline?, at now: MonotonicTime) throws(PolicyRejection) -> PolicyCall {
        let call = PolicyCall(outer, configuration, at: now)
        if let deadline = call.deadline, deadline.hasPassed(at: now) {
            throw reject(.deadline, deadline.error(at: now))
        }
        counts.admitted += 1
        return call
    }

    /// The next attempt begins, unless the breaker refuses it.
    mutating func beginAttempt(_ call: inout PolicyCall, at now: MonotonicTime) -> PolicyRejection? {
        do throws(ResilienceError) {
            if let permit = try breaker.part?.acquire(at: now) { call.leave = breaker.leave(permit) }
        } catch {
            var error = error
            error.cause = call.failure
            return reject(.breaker, error)
        }
        call.attempts += 1
        return nil
    }

    /// The attempt was answered, and with it the call.
    ///
    /// - Returns: the change of the breaker's state that this caused.
    mutating func succeeded(_ call: inout PolicyCall, at now: MonotonicTime) -> CircuitBreaker.Transition? {
        let transition = record(&call, .success, at: now)
        end(call, .succeeded)
        return transition
    }

    /// What follows an attempt that failed, and what that changed.
    struct Step {
        var transition: CircuitBreaker.Transition?
        var next: Next
    }

    enum Next {
        /// Another attempt, after this wait.
        case wait(Duration)
        /// The call has ended: a part gave it up.
        case reject(PolicyRejection)
        /// The call has ended with the error of its last attempt.
        case pass(PolicyEvent.Ending)
    }

    /// The attempt failed with `error`.
    mutating func failed(
        _ call: inout PolicyCall, _ error: any Error, _ lateness: PolicyCall.Lateness,
        outcome: CircuitBreaker.Outcome, _ decision: RetryDecision, isCancelled: Bool, at now: MonotonicTime
    ) -> Step {
        if lateness == .attemptTooLate { counts.attemptTimeouts += 1 }
        let transition = record(&call, outcome, at: now)
        let next = isCancelled ? Next.pass(.cancelled) : next(&call, error, lateness, decision, at: now)
        switch next {
        case .wait: counts.retries += 1
        case .reject: end(call, .failed)
        case .pass(let ending): end(call, ending)
        }
        return Step(transition: transition, next: next)
    }

    private mutating func next(
        _ call: inout PolicyCall, _ error: any Error, _ lateness: PolicyCall.Lateness, _ decision: RetryDecision,
        at now: MonotonicTime
    ) -> Next {
        if lateness == .callTooLate, let error = error as? ResilienceError { return .reject(reject(.deadline, error)) }
        guard let retry = call.retry else { return .pass(.failed) }
        let next = retry.next(
            afterAttempt: call.attempts, decision: decision, previous: call.wait,
            remaining: call.deadline?.remaining(at: now), using: &random)
        switch next {
        case .wait(let wait):
            call.wait = wait
            call.failure = error
            return .wait(wait)
        case .giveUp(let reason):
            let refusal = retry.refusal(reason, afterAttempt: call.attempts, cause: error, policy: names.retry)
            return refusal.map { .reject(reject(.retry, $0)) } ?? .pass(.failed)
        }
    }

    private mutating func record(
        _ call: inout PolicyCall, _ outcome: CircuitBreaker.Outcome, at now: MonotonicTime
    ) -> CircuitBreaker.Transition? {
        guard let leave = call.leave else { return nil }
        call.leave = nil
        return breaker.gave(leave) ? breaker.part?.record(leave.permit, outcome, at: now) : nil
    }

    /// The call is over: gives back what it holds.
    mutating func end(_ call: PolicyCall, _ ending: PolicyEvent.Ending) {
        switch ending {
        case .succeeded: counts.succeeded += 1
        case .failed: counts.failed += 1
        case .cancelled: counts.cancelled += 1
        }
    }

    mutating func degraded() { counts.degraded += 1 }

    private mutating func reject(_ part: ResiliencePolicy.Part, _ error: ResilienceError) -> PolicyRejection {
        counts.reject(part)
        return PolicyRejection(part: part, error: error)
    }

    /// Replaces the settings; a part that stays on keeps what it knows.
    ///
    /// - Returns: the change of the breaker's state that this caused.
    mutating func reconfigure(_ next: ResiliencePolicy.Configuration, at now: MonotonicTime) -> CircuitBreaker
        .Transition?
    {
        configuration = next
        guard let settings = next.breaker else {
            breaker.replace(with: nil)
            return nil
        }
        if breaker.part == nil { breaker.replace(with: CircuitBreaker(names.breaker, configuration: settings)) }
        return nil
    }
}
