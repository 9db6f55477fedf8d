import ApusPrimitives
import ApusResilience
import Foundation

/// A saga without the type of its state: the state is JSON between steps, as it is on disk.
struct SagaDefinition: Sendable {
    let name: String
    /// A new saga's steps, all pending.
    let steps: [SagaStepRecord]
    let plans: [String: SagaMachine.Plan]
    /// Runs one attempt. Throws `CancellationError` only when the task was cancelled.
    let attempt:
        @Sendable (_ isCompensation: Bool, _ state: [UInt8], SagaContext, TimeSource) async throws(CancellationError) ->
            SagaMachine.Outcome

    init<State>(_ saga: Saga<State>) {
        name = saga.name
        steps = saga.steps.map { SagaStepRecord(name: $0.name, hasCompensation: $0.compensation != nil) }
        plans = Dictionary(
            uniqueKeysWithValues: saga.steps.map { step in
                let plan = SagaMachine.Plan(
                    hasCompensation: step.compensation != nil, retry: step.retry,
                    compensationRetry: step.compensationRetry, deadline: step.deadline)
                return (step.name, plan)
            })
        let byName = Dictionary(uniqueKeysWithValues: saga.steps.map { ($0.name, $0) })
        attempt = { isCompensation, state, context, time throws(CancellationError) in
            guard let step = byName[context.step], let body = isCompensation ? step.compensation : step.action else {
                return .unreadable(message: "the saga \(saga.name) has no step \(context.step)")
            }
            let decoded: State
            do {
                decoded = try SagaState.decode(state)
            } catch {
                return .unreadable(
                    message:
                        "the stored state of the saga \(saga.name) does not decode: \(SagaState.message(of: error))")
            }
            do {
                let deadline = Deadline(after: step.timeout, from: time.now())
                let changed = try await deadline.run(on: time) {
                    var state = decoded
                    try await body(&state, context)
                    return try SagaState.encode(state)
                }
                return .succeeded(state: changed)
            } catch let abort as SagaAbort {
                return .aborted(reason: SagaState.message(abort.reason))
            } catch is CancellationError {
                // Only the end of the coordinator cancels a step; anything else is the step's own doing, and a failure.
                if Task.isCancelled { throw CancellationError() }
                return .failed(message: "cancelled", decision: .retry)
            } catch {
                if Task.isCancelled { throw CancellationError() }
                return .failed(message: SagaState.message(of: error), decision: step.classify(error))
            }
        }
    }
}

enum SagaState {
    /// An error's text in a saga's row is cut here, in characters.
    static let maxMessageLength = 500

    static func encode(_ state: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return [UInt8](try encoder.encode(state))
    }

    static func decode<State: Decodable>(_ state: [UInt8]) throws -> State {
        try JSONDecoder().decode(State.self, from: Data(state))
    }

    static func message(of error: any Error) -> String {
        message(String(describing: error))
    }

    /// `text` without what the database cannot hold: a record that cannot be saved would never get on.
    static func message(_ text: String) -> String {
        String(String.UnicodeScalarView(text.prefix(maxMessageLength).unicodeScalars.filter { $0 != "\0" }))
    }
}
