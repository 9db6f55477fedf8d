public import ApusPrimitives

extension Locked where State == Hedge {
    /// Calls `body` with 1, and with 2 (3, …) when the calls before take longer than the delay and the budget allows it.
    ///
    /// The first success wins and the other calls are cancelled. So does the first error that is no failure: the callee
    /// answered. When every call that began has failed, the first failure is thrown; a failure alone starts no extra
    /// call, that is for a retry. `run` is structured: it returns when all of its calls have ended, so a `body` that
    /// ignores cancellation holds it up.
    ///
    /// No extra call begins once the task is cancelled, or when `Deadline.current` passes before the delay does.
    ///
    /// - Parameters:
    ///   - isFailure: whether an error speaks against the callee (a refused connection, a 5xx) and not against the
    ///     request (a 4xx).
    ///   - onExtraCall: told the number of each extra call that begins, from 2.
    ///   - body: must be safe to run twice, and at the same time.
    public func run<Value: Sendable>(
        on time: TimeSource = .continuous, isFailure: @Sendable (any Error) -> Bool = { _ in true },
        onExtraCall: @Sendable (_ call: Int) -> Void = { _ in },
        _ body: @Sendable (_ call: Int) async throws -> Value
    ) async throws -> Value {
        let start = time.now()
        let delay = withLock { $0.begin() }
        guard let delay, Deadline.current.map({ start + delay < $0.expires }) ?? true else {
            let value = try await body(1)
            withLock { $0.recordFirstCall(time.now() - start) }
            return value
        }
        return try await withoutActuallyEscaping(body) { body in
            try await race(body, after: delay, from: start, on: time, isFailure, onExtraCall)
        }
    }

    private func race<Value: Sendable>(
        _ body: @escaping @Sendable (Int) async throws -> Value, after delay: Duration, from start: MonotonicTime,
        on time: TimeSource, _ isFailure: @Sendable (any Error) -> Bool, _ onExtraCall: @Sendable (Int) -> Void
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: HedgeEvent<Value>.self) { group in
            func begin(_ call: Int) {
                group.addTask {
                    do { return .succeeded(call, try await body(call)) } catch { return .failed(error) }
                }
                guard withLock({ call <= $0.configuration.maxExtraCalls }) else { return }
                let due = start + delay * call
                group.addTask {
                    try? await time.sleep(until: due)
                    return .due
                }
            }
            var calls = 1
            var running = 1
            var failure: (any Error)?
            begin(1)
            while let event = try await group.next() {
                switch event {
                case .due:
                    guard running > 0, !Task.isCancelled, withLock({ $0.startExtraCall(calls) }) else { continue }
                    calls += 1
                    running += 1
                    onExtraCall(calls)
                    begin(calls)
                case .succeeded(let call, let value):
                    group.cancelAll()
                    withLock { $0.recordFirstCall(time.now() - start, wasOvertaken: call > 1) }
                    return value
                case .failed(let error):
                    running -= 1
                    let hasFailed = error is PolicyRejection || isFailure(error)
                    // One that was not let begin says less than one that failed.
                    if failure == nil || failure is PolicyRejection { failure = error }
                    guard running > 0, hasFailed else { throw hasFailed ? failure ?? error : error }
                }
            }
            throw failure ?? CancellationError()
        }
    }
}

/// What a race learns from its tasks.
private enum HedgeEvent<Value: Sendable>: Sendable {
    case succeeded(Int, Value)
    case failed(any Error)
    case due
}
