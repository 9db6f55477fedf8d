public import ApusPrimitives

extension RetryPolicy {
    /// What follows a failed attempt.
    public enum Next: Hashable, Sendable {
        /// The next attempt, after this wait.
        case wait(Duration)
        case giveUp(Reason)
    }

    /// Why there is no further attempt.
    public enum Reason: Hashable, Sendable {
        /// The classification said `.stop`.
        case notRetryable
        /// That was attempt number `maxAttempts`.
        case attemptsExhausted
        /// The wait, of this length, would not end before the deadline.
        case deadline(wait: Duration)
        /// The error asked for this wait, which is longer than `maxDelay`.
        case retryAfterTooLong(Duration)
        /// All of them together try again too often already.
        case budgetExhausted(RetryBudget.Shortage)
    }

    /// Decides what follows the failure of attempt number `n` (from 1).
    ///
    /// - Parameters:
    ///   - previous: the wait before attempt `n`; zero when there was none.
    ///   - remaining: what is left until the deadline; nil without a deadline.
    public func next(
        afterAttempt n: Int, decision: RetryDecision, previous: Duration = .zero, remaining: Duration? = nil,
        using random: inout some RandomNumberGenerator
    ) -> Next {
        var asked = Duration.zero
        switch decision {
        case .stop: return .giveUp(.notRetryable)
        case .retry, .retryElsewhere: break
        case .retryAfter(let duration): asked = duration
        }
        guard n < maxAttempts else { return .giveUp(.attemptsExhausted) }
        guard asked <= maxDelay else { return .giveUp(.retryAfterTooLong(asked)) }
        let wait =
            decision == .retryElsewhere
            ? .zero : max(delay(afterAttempt: n, previous: previous, using: &random), asked)
        if let remaining, wait >= remaining { return .giveUp(.deadline(wait: wait)) }
        return .wait(wait)
    }

    /// The same within a budget. It is asked last, when nothing else stands against the attempt, and what it gives it does
    /// not get back.
    public func next(
        afterAttempt n: Int, decision: RetryDecision, previous: Duration = .zero, remaining: Duration? = nil,
        budget: inout RetryBudget, at now: MonotonicTime, using random: inout some RandomNumberGenerator
    ) -> Next {
        let next = next(
            afterAttempt: n, decision: decision, previous: previous, remaining: remaining, using: &random)
        guard case .wait = next, !budget.withdraw(at: now) else { return next }
        return .giveUp(.budgetExhausted(budget.shortage(at: now)))
    }
}
