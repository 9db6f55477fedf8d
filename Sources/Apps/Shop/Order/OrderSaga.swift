import ApusRPC
import ApusResilience
import ApusTransactions

/// The saga of an order: create → reserve → charge → confirm, and back again when a step is refused.
enum OrderSaga {
    /// Names the steps as customers and the dashboard see them. They are stored: do not rename them.
    enum Step: String, CaseIterable, Sendable {
        case create, reserve, charge, confirm
    }

    static func definition(_ steps: OrderSteps) -> Saga<OrderSagaState> {
        Saga(
            "order",
            steps: [
                step(.create, steps.create, undo: steps.uncreate),
                step(.reserve, steps.reserve, undo: steps.unreserve),
                step(.charge, timeout: .seconds(20), steps.charge, undo: steps.uncharge),
                step(.confirm, retry: untilAnswered, deadline: nil, steps.confirm, undo: nil),
            ])
    }

    /// About half a minute in all, which outlasts the restart of a service.
    static let retry = RetryPolicy(
        maxAttempts: 8, baseDelay: .milliseconds(200), multiplier: 2, maxDelay: .seconds(10), jitter: .full)

    /// See `OrderSteps.confirm`.
    static let untilAnswered = RetryPolicy(
        maxAttempts: .max, baseDelay: .milliseconds(200), multiplier: 2, maxDelay: .seconds(30), jitter: .full)

    /// Compensations are few and wanted soon: a customer's money may be held.
    static let untilUndone = RetryPolicy(
        maxAttempts: .max, baseDelay: .milliseconds(200), multiplier: 2, maxDelay: .seconds(30), jitter: .full)

    /// No attempt of a step that can be undone begins later than this after its first: then the order is cancelled.
    static let patience = Duration.seconds(120)

    private typealias Body = @Sendable (OrderSagaState, OrderPeers.Call) async throws -> Void

    private static func step(
        _ name: Step, retry: RetryPolicy = retry, timeout: Duration = .seconds(10), deadline: Duration? = patience,
        _ body: @escaping Body, undo: Body?
    ) -> SagaStep<OrderSagaState> {
        // Money and goods hang on it: what is only looked at has to stand back.
        let priority = RequestPriority.critical
        let action: SagaStep<OrderSagaState>.Body = { state, context in
            do {
                let known = state
                try await RequestPriority.$current.withValue(priority) {
                    try await body(known, OrderPeers.Call(context))
                }
            } catch let refusal as OrderRefusal {
                throw SagaAbort(refusal.reason)
            }
        }
        var compensation: SagaStep<OrderSagaState>.Body?
        if let undo {
            compensation = { state, context in
                let known = state
                try await RequestPriority.$current.withValue(priority) {
                    try await undo(known, OrderPeers.Call(context))
                }
            }
        }
        return SagaStep(
            name.rawValue, retry: retry, timeout: timeout, deadline: deadline, compensationRetry: untilUndone,
            classify: classify, action: action, compensation: compensation)
    }

    /// A call that ended without an answer is never a no: that is what `OrderRefusal` is for.
    private static let classify: @Sendable (any Error) -> RetryDecision = { error in
        if case .retryAfter(let delay) = RetryDecision.standard(error) { return .retryAfter(delay) }
        if let delay = (error as? Problem)?.retryAfter { return .retryAfter(delay) }
        return .retry
    }
}

extension OrderPeers.Call {
    init(_ context: SagaContext) {
        self.init(idempotencyKey: context.idempotencyKey, fencingToken: context.fencingToken)
    }
}
