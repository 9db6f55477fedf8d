public import ApusPrimitives

extension RetryPolicy {
    /// Calls `body` with the number of the attempt, from 1, until it returns or the policy gives up.
    ///
    /// No wait ends after `Deadline.current` and no attempt begins after it. Once the task is cancelled, the error of the
    /// attempt is thrown as it is.
    ///
    /// - Parameters:
    ///   - budget: shared by all calls of the same callee; it and the deadline are asked before every attempt but the first.
    ///   - classify: whether trying again is safe and makes sense; `RetrySafety` answers for the usual cases.
    /// - Throws: what `body` threw when `classify` says `.stop` or the policy has one attempt only; otherwise a
    ///   `ResilienceError` that tells the number of attempts, with the last error as `cause`: `.retriesExhausted`,
    ///   `.deadlineExceeded` when the next attempt would have come too late, or `.retryBudgetExhausted`. `CancellationError` when cancelled in a wait.
    public func run<Value>(
        on time: TimeSource = .continuous, budget: Locked<RetryBudget>? = nil,
        classify: (any Error) -> RetryDecision = RetryDecision.standard,
        body: (_ attempt: Int) async throws -> Value
    ) async throws -> Value {
        var random = SystemRandomNumberGenerator()
        return try await run(on: time, budget: budget, using: &random, classify: classify, body: body)
    }

    /// The same with a chosen source of jitter, so that a simulation repeats itself.
    public func run<Value>(
        on time: TimeSource, budget: Locked<RetryBudget>? = nil, using random: inout some RandomNumberGenerator,
        classify: (any Error) -> RetryDecision = RetryDecision.standard,
        body: (_ attempt: Int) async throws -> Value
    ) async throws -> Value {
        let deadline = Deadline.current
        if let budget { budget.withLock { $0.recordCall(at: time.now()) } }
        var attempt = 1
        var wait = Duration.zero
        var last: (any Error)?
        while true {
            let start = time.now()
            if let deadline, deadline.hasPassed(at: start) { throw deadline.error(at: start, cause: last) }
            do {
                return try await body(attempt)
            } catch {
                if Task.isCancelled { throw error }
                let decision = classify(error)
                let now = time.now()
                let left = deadline?.remaining(at: now)
                let next: Next
                if let budget {
                    next = budget.withLock {
                        self.next(
                            afterAttempt: attempt, decision: decision, previous: wait, remaining: left, budget: &$0,
                            at: now, using: &random)
                    }
                } else {
                    next = self.next(
                        afterAttempt: attempt, decision: decision, previous: wait, remaining: left, using: &random)
                }
                switch next {
                case .wait(let duration): wait = duration
                case .giveUp(let reason): throw failure(reason, afterAttempt: attempt, cause: error)
                }
                last = error
            }
            try await time.sleep(for: wait)
            attempt += 1
        }
    }

    private func failure(_ reason: Reason, afterAttempt n: Int, cause: any Error) -> any Error {
        refusal(reason, afterAttempt: n, cause: cause) ?? cause
    }
}

extension RetryPolicy {
    /// Why there is no further attempt, as an error; nil when `cause` tells it all.
    func refusal(
        _ reason: Reason, afterAttempt n: Int, cause: any Error, policy: String = "retry"
    ) -> ResilienceError? {
        let attempts = n == 1 ? "1 attempt" : "\(n) attempts"
        switch reason {
        case .notRetryable: return nil
        case .attemptsExhausted where maxAttempts == 1: return nil
        case .attemptsExhausted:
            return ResilienceError(
                code: .retriesExhausted, message: "gave up after \(attempts)", policy: policy, cause: cause)
        case .deadline(let wait):
            return ResilienceError(
                code: .deadlineExceeded,
                message: "gave up after \(attempts): the next, in \(wait), would come after the deadline",
                policy: policy, cause: cause)
        case .retryAfterTooLong(let wait):
            return ResilienceError(
                code: .retriesExhausted,
                message: "gave up after \(attempts): asked to wait \(wait), the policy waits at most \(maxDelay)",
                policy: policy, retryAfter: wait, cause: cause)
        case .budgetExhausted(let shortage):
            return shortage.error(after: "gave up after \(attempts): ", policy: policy, cause: cause)
        }
    }
}
