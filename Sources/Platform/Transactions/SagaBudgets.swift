import ApusPrimitives
import ApusResilience

/// The retry budgets of a coordinator: one for each step, and one for each step's compensation.
///
/// As many as the registered sagas have steps, so they are bounded by the program.
final class SagaBudgets: Sendable {
    private struct Key: Hashable {
        let saga: String
        let step: String
        let isCompensation: Bool
    }

    private struct State {
        var configuration: RetryBudget.Configuration?
        var budgets: [Key: RetryBudget] = [:]
    }

    private let state: Locked<State>

    init(_ configuration: RetryBudget.Configuration?) {
        state = Locked(State(configuration: configuration))
    }

    /// Budgets that are there keep what they have counted.
    func update(_ configuration: RetryBudget.Configuration?, at now: MonotonicTime) {
        state.withLock { state in
            state.configuration = configuration
            guard let configuration else { return }
            for key in Array(state.budgets.keys) { state.budgets[key]?.reconfigure(configuration, at: now) }
        }
    }

    /// An attempt succeeded, and pays for others.
    func succeeded(_ saga: String, _ step: String, isCompensation: Bool, at now: MonotonicTime) {
        change(Key(saga: saga, step: step, isCompensation: isCompensation)) { $0.recordCall(at: now) }
    }

    /// Leave for another attempt.
    ///
    /// - Returns: nil when it may begin, else how long it has to wait before it asks again.
    func withdraw(_ saga: String, _ step: String, isCompensation: Bool, at now: MonotonicTime) -> Duration? {
        let wait = change(Key(saga: saga, step: step, isCompensation: isCompensation)) { budget -> Duration? in
            budget.withdraw(at: now) ? nil : budget.shortage(at: now).retryAfter ?? Self.longestWait
        }
        guard case .some(.some(let wait)) = wait else { return nil }
        // A success in the meantime may earn it sooner.
        return min(wait, Self.longestWait)
    }

    private static let longestWait = Duration.seconds(1)

    @discardableResult
    private func change<Result: Sendable>(_ key: Key, _ body: (inout RetryBudget) -> Result) -> Result? {
        state.withLock { state in
            guard let configuration = state.configuration else { return nil }
            return body(
                &state.budgets[key, default: RetryBudget("\(key.saga)/\(key.step)", configuration: configuration)])
        }
    }
}
