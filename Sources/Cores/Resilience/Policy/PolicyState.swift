import ApusPrimitives

/// Everything of a policy that calls share. The shell passes the time in, and does outside the lock what it is told.
struct PolicyState: Sendable {
    let names: PolicyNames
    var settings: PolicySettings
    var counts = PolicyCounts()
    var rateLimit: PolicySlot<RateLimiter>
    var limit: PolicySlot<ConcurrencyLimit>
    var budget: PolicySlot<RetryBudget>
    var adaptive: PolicySlot<AdaptiveBreaker>
    var breaker: PolicySlot<CircuitBreaker>
    private var random: SeededRandom

    init(
        _ names: PolicyNames, _ configuration: ResiliencePolicy.Configuration, on time: TimeSource, seed: UInt64
    ) {
        self.names = names
        settings = PolicySettings(
            configuration,
            bulkhead: configuration.bulkhead.map { Bulkhead(names.bulkhead, configuration: $0, time: time) },
            hedge: configuration.hedge.map { Locked(Hedge(names.hedge, configuration: $0)) })
        rateLimit = PolicySlot(configuration.rateLimit.map { RateLimiter(names.rateLimit, configuration: $0) })
        limit = PolicySlot(
            configuration.loadShedding.map { ConcurrencyLimit(names.loadShedding, configuration: $0) })
        budget = PolicySlot(configuration.retryBudget.map { RetryBudget(names.retryBudget, configuration: $0) })
        adaptive = PolicySlot(
            configuration.adaptiveBreaker.map { AdaptiveBreaker(names.adaptiveBreaker, configuration: $0) })
        breaker = PolicySlot(configuration.breaker.map { CircuitBreaker(names.breaker, configuration: $0) })
        random = SeededRandom(seed: seed)
    }

    /// A call comes in. If it is not inside then, it has to wait: for its `turn` first, when it has one, and then `takePlace`.
    ///
    /// - Parameter outer: the caller's deadline.
    mutating func arrive(
        _ call: inout PolicyCall, _ outer: Deadline?, at now: MonotonicTime
    ) throws(PolicyRejection) {
        let settings = settings
        call.begin(outer, within: settings.configuration.deadline)
        if let deadline = call.deadline, deadline.hasPassed(at: now) { throw tooLate(deadline, at: now) }
        let wait: Duration?
        do throws(ResilienceError) {
            wait = try rateLimit.part?.acquire(at: now, until: call.deadline)
        } catch {
            throw reject(.rateLimit, error)
        }
        if let wait, wait > .zero {
            call.turn = rateLimit.leave(now + wait)
        } else {
            try takePlace(&call, at: now)
            call.isInside = settings.bulkhead?.tryAcquire() ?? true
        }
        call.settings = settings
    }

    /// It is the call's turn: it goes on to the load shedding.
    mutating func takePlace(_ call: inout PolicyCall, at now: MonotonicTime) throws(PolicyRejection) {
        call.turn = nil
        if let deadline = call.deadline, deadline.hasPassed(at: now) { throw tooLate(deadline, at: now) }
        do throws(ResilienceError) {
            if let permit = try limit.part?.acquire(at: now) { call.place = limit.leave(permit) }
        } catch {
            throw reject(.loadShedding, error)
        }
    }

    /// The call has passed everything that could keep it out, and its first attempt begins.
    ///
    /// - Returns: why it must end at once.
    mutating func admit(_ call: inout PolicyCall, at now: MonotonicTime) -> PolicyRejection? {
        counts.admitted += 1
        if call.retry != nil { budget.part?.recordCall(at: now) }
        return beginAttempt(&call, at: now)
    }

    /// The caller went away before the call was admitted.
    mutating func abandon(_ call: PolicyCall, at now: MonotonicTime) -> Int? {
        counts.abandoned += 1
        if let turn = call.turn, rateLimit.gave(turn) { rateLimit.part?.giveBack(due: turn.permit, at: now) }
        return leavePlace(call.place, .ignored, at: now)
    }

    /// The bulkhead refused the call.
    mutating func refuse(
        _ call: PolicyCall, by part: ResiliencePolicy.Part, _ error: ResilienceError, at now: MonotonicTime
    ) -> Int? {
        counts.reject(part)
        return leavePlace(call.place, .ignored, at: now)
    }

    /// The next attempt begins, unless the wait for it took too long or a breaker refuses it.
    mutating func beginAttempt(_ call: inout PolicyCall, at now: MonotonicTime) -> PolicyRejection? {
        if let deadline = call.deadline, deadline.hasPassed(at: now) {
            return tooLate(deadline, at: now, after: call.failure)
        }
        // Each call of a hedge asks the breakers.
        guard call.hedge == nil else { return nil }
        do throws(PolicyRejection) {
            call.leave = try askBreakers(after: call.failure, at: now)
        } catch {
            return error
        }
        call.attempts += 1
        return nil
    }

    /// - Parameter failure: of the attempt before.
    mutating func askBreakers(
        after failure: (any Error)?, at now: MonotonicTime
    ) throws(PolicyRejection) -> PolicyCall.BreakerLeave {
        var leave = PolicyCall.BreakerLeave()
        do throws(ResilienceError) {
            if let permit = try adaptive.part?.acquire(at: now, using: &random) {
                leave.adaptive = adaptive.leave(permit)
            }
            if let permit = try breaker.part?.acquire(at: now) { leave.breaker = breaker.leave(permit) }
        } catch {
            // The one that gave leave learns nothing from what the other refused.
            _ = record(leave, .ignored, at: now)
            var error = error
            error.cause = failure
            throw reject(.breaker, error)
        }
        return leave
    }

    /// An attempt has ended.
    ///
    /// - Returns: the change of the breaker's state that this caused.
    mutating func record(
        _ leave: PolicyCall.BreakerLeave, _ outcome: CircuitBreaker.Outcome, at now: MonotonicTime
    ) -> CircuitBreaker.Transition? {
        if let leave = leave.adaptive, adaptive.gave(leave) {
            adaptive.part?.record(leave.permit, outcome, at: now)
        }
        guard let leave = leave.breaker, breaker.gave(leave) else { return nil }
        return breaker.part?.record(leave.permit, outcome, at: now)
    }

    /// The call is over: gives back what it holds, but for its place in the bulkhead.
    ///
    /// - Returns: the limit, when this changed it.
    mutating func end(
        _ ending: PolicyEvent.Ending, attempts: Int, place: PolicyCall.Place?, late: Bool = false, at now: MonotonicTime
    ) -> Int? {
        switch ending {
        case .succeeded:
            counts.succeeded += 1
            // What took several attempts tells how long the waits between them were, not how long a queue is.
            return leavePlace(place, attempts > 1 ? .ignored : .completed, at: now)
        case .failed:
            counts.failed += 1
            return leavePlace(place, late ? .dropped : .ignored, at: now)
        case .cancelled:
            counts.cancelled += 1
            return leavePlace(place, .ignored, at: now)
        }
    }

    /// Whether there is another attempt after the one that failed with `error`.
    mutating func next(
        _ call: inout PolicyCall, _ error: any Error, _ decision: RetryDecision, at now: MonotonicTime
    ) -> Next {
        guard let retry = call.retry else { return .pass(.failed) }
        let left = call.deadline?.remaining(at: now)
        var next = retry.next(
            afterAttempt: call.attempts, decision: decision, previous: call.wait, remaining: left, using: &random)
        // Asked last, when nothing else stands against the attempt.
        if case .wait = next, budget.part?.withdraw(at: now) == false, let shortage = budget.part?.shortage(at: now) {
            next = .giveUp(.budgetExhausted(shortage))
        }
        switch next {
        case .wait(let wait):
            counts.retries += 1
            call.wait = wait
            call.failure = error
            return .wait(wait)
        case .giveUp(let reason):
            let refusal = retry.refusal(reason, afterAttempt: call.attempts, cause: error, policy: names.retry)
            return refusal.map { .reject(reject(.retry, $0)) } ?? .pass(.failed)
        }
    }

    enum Next {
        /// Another attempt, after this wait.
        case wait(Duration)
        /// A part gave the call up.
        case reject(PolicyRejection)
        /// The call ends with the error of its last attempt.
        case pass(PolicyEvent.Ending)
    }

    mutating func reject(_ part: ResiliencePolicy.Part, _ error: ResilienceError) -> PolicyRejection {
        counts.reject(part)
        return PolicyRejection(part: part, error: error)
    }

    private mutating func tooLate(
        _ deadline: Deadline, at now: MonotonicTime, after failure: (any Error)? = nil
    ) -> PolicyRejection {
        var error = deadline.error(at: now, cause: failure)
        error.policy = names.deadline
        return reject(.deadline, error)
    }

    private mutating func leavePlace(
        _ place: PolicyCall.Place?, _ outcome: ConcurrencyLimit.Outcome, at now: MonotonicTime
    ) -> Int? {
        guard let place, limit.gave(place) else { return nil }
        return limit.part?.release(place.permit, outcome, at: now)
    }
}
