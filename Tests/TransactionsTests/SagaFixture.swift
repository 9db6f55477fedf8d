import ApusPrimitives
import ApusResilience
import ApusSQL
import ApusTransactions
import Logging
import TestSupport

/// The state of the sagas of these tests: which steps were done, in order.
struct Trip: Codable, Hashable, Sendable {
    var done: [String] = []
}

/// What the steps of a test did, in order, and what they are told to do.
final class World: Sendable {
    struct Call: Hashable, Sendable {
        let step: String
        let isCompensation: Bool
        let attempt: Int
        let key: String
        let token: Int64
    }

    private struct State {
        var calls: [Call] = []
        var failures: [String: [any Error]] = [:]
    }

    private let state = Locked(State())

    var calls: [Call] { state.withLock { $0.calls } }
    var names: [String] { calls.map { $0.isCompensation ? "-\($0.step)" : "+\($0.step)" } }

    /// The next calls of `step` ("-step" for its compensation) throw these, one after the other.
    func fail(_ step: String, with errors: any Error...) {
        state.withLock { $0.failures[step, default: []] += errors }
    }

    func call(_ context: SagaContext) throws {
        let isCompensation = context.idempotencyKey.hasSuffix("/compensate")
        let error: (any Error)? = state.withLock { state in
            state.calls.append(
                Call(
                    step: context.step, isCompensation: isCompensation, attempt: context.attempt,
                    key: context.idempotencyKey, token: context.fencingToken))
            let name = isCompensation ? "-\(context.step)" : context.step
            guard var failures = state.failures[name], !failures.isEmpty else { return nil }
            defer { state.failures[name] = failures }
            return failures.removeFirst()
        }
        if let error { throw error }
    }

    /// A saga whose steps only call this world.
    func saga(_ steps: [String] = ["a", "b", "c"], retry: RetryPolicy = .classic) -> Saga<Trip> {
        Saga(
            "trip",
            steps: steps.map { name in
                SagaStep(
                    name, retry: retry,
                    compensationRetry: RetryPolicy(maxAttempts: .max, baseDelay: .seconds(1), maxDelay: .seconds(60))
                ) { state, context in
                    try self.call(context)
                    state.done.append(name)
                } compensation: { state, context in
                    try self.call(context)
                    state.done.removeAll { $0 == name }
                }
            })
    }
}

struct Broken: Error, CustomStringConvertible {
    var description: String { "broken" }
}

/// A coordinator on a database of its own, on a clock moved by hand.
struct Bench {
    let database: SQLiteDatabase
    let clock = ManualTime()
    let world = World()

    init() async throws {
        database = try SQLiteDatabase.inMemory()
        try await database.migrate(SagaCoordinator.migrations)
    }

    /// What the coordinators' wall clock shows, in milliseconds since 1970.
    var now: Int64 { 1_000_000 + clock.now.nanoseconds / 1_000_000 }

    func coordinator(
        _ owner: String = "test-1", on database: (any SQLDatabase)? = nil,
        _ change: (inout SagaCoordinator.Settings) -> Void = { _ in }
    ) -> SagaCoordinator {
        var settings = SagaCoordinator.Settings()
        change(&settings)
        return SagaCoordinator(
            database: database ?? self.database, owner: owner, settings: settings, time: clock.source,
            wallClock: { now }, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }
}

/// Runs `coordinator` while `body` runs, and cancels it then.
func whileRunning(_ coordinator: SagaCoordinator, _ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await coordinator.run() }
        try await body()
        group.cancelAll()
    }
}
