public import ApusResilience

/// A transaction over several services: steps in order, each with what undoes it.
///
/// Sagas: Garcia-Molina and Salem, "Sagas", SIGMOD 1987. Either every step is done, or every step that was or may have
/// been done is compensated, in reverse order. Others may see the states in between.
public struct Saga<State: Codable & Sendable>: Sendable {
    /// Stored with each saga; keep it once there are stored ones.
    public let name: String
    public let steps: [SagaStep<State>]

    /// - Parameter steps: at least one, and no two of one name. A stored saga keeps the list of steps it began with.
    public init(_ name: String, steps: [SagaStep<State>]) {
        precondition(!steps.isEmpty, "the saga \(name) has no steps")
        precondition(Set(steps.map(\.name)).count == steps.count, "the saga \(name) has two steps of one name")
        self.name = name
        self.steps = steps
    }
}

/// One step of a saga: what it does in another service, and what undoes that.
///
/// Both may run several times (a lost answer, a crash) and must be idempotent by `SagaContext.idempotencyKey`. The
/// compensation may be asked to undo what was never done, because nobody knows, and must then do nothing and succeed.
public struct SagaStep<State: Codable & Sendable>: Sendable {
    /// Changes to the state are kept only when it returns.
    public typealias Body = @Sendable (inout State, SagaContext) async throws -> Void

    /// Stored with each saga, and part of the idempotency key.
    public let name: String
    public let retry: RetryPolicy
    public let compensationRetry: RetryPolicy
    public let timeout: Duration
    public let deadline: Duration?
    public let classify: @Sendable (any Error) -> RetryDecision
    let action: Body
    let compensation: Body?

    /// - Parameters:
    ///   - retry: how often the action is tried, and with which waits.
    ///   - timeout: for each attempt of the action or the compensation; it is their `Deadline.current`.
    ///   - deadline: no attempt of the action is put off until so long after its first; then what it may have done is
    ///     compensated. One that was planned before is made, however late, if no coordinator was there. nil for no such end.
    ///   - compensationRetry: the waits of the compensation, which is tried for ever; `maxAttempts` does not count.
    ///   - classify: whether an error of the action is worth another attempt. `SagaAbort` never is.
    ///   - action: throws `SagaAbort` for a failure of the business (declined, out of stock).
    ///   - compensation: nil when there is nothing to undo.
    public init(
        _ name: String, retry: RetryPolicy = .classic, timeout: Duration = .seconds(10),
        deadline: Duration? = nil, compensationRetry: RetryPolicy = .untilCompensated,
        classify: @escaping @Sendable (any Error) -> RetryDecision = RetryDecision.standard,
        action: @escaping Body, compensation: Body? = nil
    ) {
        self.name = name
        self.retry = retry
        self.timeout = timeout
        self.deadline = deadline
        self.compensationRetry = compensationRetry
        self.classify = classify
        self.action = action
        self.compensation = compensation
    }
}

extension RetryPolicy {
    /// For ever: 0 to 1 s, then twice as long each time, up to a minute.
    public static let untilCompensated = RetryPolicy(
        maxAttempts: .max, baseDelay: .seconds(1), multiplier: 2, maxDelay: .seconds(60), jitter: .full)
}

/// What a step is told about itself.
public struct SagaContext: Sendable, Hashable {
    /// The header in which a step may pass `fencingToken` on to a service that checks it.
    public static let fencingTokenHeader = "apus-fencing-token"

    public let sagaID: String
    public let step: String
    /// `<sagaID>/<step>`, and `<sagaID>/<step>/compensate` for the compensation; the same for each attempt.
    public let idempotencyKey: String
    /// From 1.
    public let attempt: Int
    /// Grows each time another coordinator takes the saga over: whoever sees a lower one than before may refuse it.
    public let fencingToken: Int64

    public init(sagaID: String, step: String, idempotencyKey: String, attempt: Int = 1, fencingToken: Int64 = 1) {
        self.sagaID = sagaID
        self.step = step
        self.idempotencyKey = idempotencyKey
        self.attempt = attempt
        self.fencingToken = fencingToken
    }
}

/// A failure of the business, thrown by a step's action: nothing was done, no retry, compensate what was done before.
public struct SagaAbort: Error, Hashable, Sendable, CustomStringConvertible {
    /// For a person; kept in the saga's status.
    public let reason: String

    public init(_ reason: String) {
        self.reason = reason
    }

    public var description: String { reason }
}
