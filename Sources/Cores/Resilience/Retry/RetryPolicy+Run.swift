import ApusPrimitives

extension RetryPolicy {
    /// Calls `body` with the number of the attempt, from 1, until it returns or the policy gives up.
    ///
    /// No wait ends after `Deadline.current` and no attempt begins after it. Once the task is cancelled, the error of the
    /// attempt is thrown as it is.
    ///
    /// - Throws: what `body` threw when `classify` says `.stop` or the policy has one attempt only; otherwise a
    ///   `ResilienceError` that tells the number of attempts, with the last error as `cause`: `.retriesExhausted`, or
    ///   `.deadlineExceeded` when the next attempt would have come too late. `CancellationError` when cancelled in a wait.
    public func run<Value>(
        on time: TimeSource = .continuous, classify: (any Error) -> RetryDecision = RetryDecision.standard,
        body: (_ attempt: Int) async throws -> Value
    ) async throws -> Value {
        var random = SystemRandomNumberGenerator()
        return try await run(on: time, using: &random, classify: classify, body: body)
    }

    /// The same with a chosen source of jitter, so that a simulation repeats itself.
    public func run<Value>(
        on time: TimeSource, using random: inout some RandomNumberGenerator,
        classify: (any Error) -> RetryDecision = RetryDecision.standard,
        body: (_ attempt: Int) async throws -> Value
    ) async throws -> Value {
        let deadline = Deadline.current
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
                let next = next(
                    afterAttempt: attempt, decision: classify(error), previous: wait,
                    remaining: deadline?.remaining(at: time.now()), using: &random)
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
        }
    }
}
