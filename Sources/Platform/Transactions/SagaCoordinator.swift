import ApusChannels
import ApusPrimitives
public import ApusResilience
public import ApusSQL
import Foundation
public import Logging
public import ServiceLifecycle

/// Carries sagas to their end, whatever crashes on the way.
///
/// A saga is a row in the service's own database, written in the transaction that makes it necessary. Each change of its
/// state is committed before the next effect begins, so after a crash the step that was being done is known, and is done
/// again with the same idempotency key.
///
/// Several coordinators, in one or several processes, may share a database: a saga is claimed by one of them at a time,
/// until an expiry that its owner keeps putting off. Each claim has a higher fencing token than the one before, every
/// write is conditional on it, and a coordinator that lost a claim leaves the saga at once.
public final class SagaCoordinator: Service {
    public struct Settings: Sendable {
        /// Sagas worked on at the same time. One that waits for its next attempt does not count.
        public var maxConcurrent = 64
        /// After this long without a sign of its owner, another coordinator takes a saga over.
        public var claimTTL: Duration = .seconds(10)
        /// How often the database is searched for work that nobody told of.
        public var pollInterval: Duration = .seconds(1)
        /// On a graceful shutdown, how long steps may take to their next durable point.
        public var shutdownTimeout: Duration = .seconds(10)
        /// How long ended sagas stay visible.
        public var retention: Duration = .seconds(7 * 86_400)
        /// Ended sagas deleted in one transaction; at least 1.
        public var purgeBatch = 500
        /// Of each step's further attempts, and apart from them of its compensation's. What counts as a call is an attempt
        /// that succeeded, so while a service is down its steps are tried at the floor's rate, whatever the number of
        /// sagas that wait, and twice as often after each success when it is back. nil for no bound.
        public var retryBudget: RetryBudget.Configuration? = RetryBudget.Configuration(share: 2, floorPerSecond: 10)

        public init() {}
    }

    /// To be applied with `SQLDatabase.migrate` before anything else here; they have a group of their own.
    public static let migrations: [SQLMigration] = SagaStore.migrations

    public let owner: String
    let settings: Settings
    let time: TimeSource
    let wallClock: @Sendable () -> Int64
    let logger: Logger
    let store: SagaStore
    let metrics = SagaMetrics()
    /// That there may be something to do: said several times before it is heard, it counts once.
    let news = Channel<Void>(capacity: 1)
    let definitions = Locked<[String: SagaDefinition]>([:])
    let active = Locked(Active())
    let budgets: SagaBudgets

    struct Active {
        var ids: Set<String> = []
        var isStopping = false
    }

    /// - Parameters:
    ///   - database: where the sagas are; `migrations` must have been applied before `run`.
    ///   - owner: the name of this instance, the same after each restart ("order-1"). When it starts, it takes over the
    ///     claims of its earlier run at once, because that run is gone. Two instances must not run under one name at the
    ///     same time; should they, the second fences the first off and no saga is written by both.
    ///   - wallClock: milliseconds since 1970. The coordinators of one database must agree about it to within a fraction
    ///     of `claimTTL`.
    public init(
        database: any SQLDatabase, owner: String, settings: Settings = Settings(), time: TimeSource = .continuous,
        wallClock: @escaping @Sendable () -> Int64 = SagaCoordinator.systemMilliseconds,
        logger: Logger = Logger(label: "apus.saga")
    ) {
        self.owner = owner
        self.settings = settings
        budgets = SagaBudgets(settings.retryBudget)
        self.time = time
        self.wallClock = wallClock
        self.logger = logger
        var random = SystemRandomNumberGenerator()
        let run = ULID(unixMilliseconds: UInt64(max(0, wallClock())), using: &random)
        store = SagaStore(database: database, owner: owner, run: run.description)
    }

    /// The machine's clock, in milliseconds since 1970.
    public static let systemMilliseconds: @Sendable () -> Int64 = {
        Int64(Date().timeIntervalSince1970 * 1000)
    }

    /// Makes `saga` known. Before `run`, and on every coordinator of the database: a stored saga that nobody knows is
    /// shown as `stuck` and waits for somebody who does.
    public func register<State>(_ saga: Saga<State>) {
        let definition = SagaDefinition(saga)
        definitions.withLock { definitions in
            precondition(definitions[saga.name] == nil, "the saga \(saga.name) is registered already")
            definitions[saga.name] = definition
        }
    }

    /// Writes a new saga in the caller's transaction: it exists if and only if that is committed. Then call `wake`.
    ///
    /// - Throws: `SQLError.Code.uniqueViolation` when there is a saga with this id, or what encoding the state throws.
    public func enqueue<State>(
        _ saga: Saga<State>, id: String, state: State, in connection: any SQLConnection
    ) throws {
        let record = SagaRecord(
            id: id, name: saga.name,
            steps: saga.steps.map { SagaStepRecord(name: $0.name, hasCompensation: $0.compensation != nil) },
            state: try SagaState.encode(state), createdAt: wallClock())
        try SagaStore.insert(record, in: connection)
    }

    /// Starts the saga `id` now instead of at the next search for work. Without effect when there is nothing to do.
    public func wake(_ id: String) {
        announceNews()
    }

    /// `enqueue` in a transaction of its own, and `wake`.
    public func start<State>(_ saga: Saga<State>, id: String, state: State) async throws {
        try await store.database.transaction { try self.enqueue(saga, id: id, state: state, in: $0) }
        wake(id)
    }

    /// Replaces `Settings.retryBudget` while it is in use; what was counted stays.
    public func update(retryBudget: RetryBudget.Configuration?) {
        budgets.update(retryBudget, at: time.now())
    }

    /// Nil when there is no such saga, or it was purged.
    public func status(of id: String) async throws -> SagaStatus? {
        try await store.status(of: id, known: Set(names), at: wallClock())
    }

    /// The newest sagas first.
    ///
    /// - Parameter limit: 1 to 1,000; what is outside is moved to the nearest.
    public func recent(limit: Int) async throws -> [SagaStatus] {
        try await store.recent(limit: min(max(limit, 1), 1_000), known: Set(names), at: wallClock())
    }

    /// Sorted, so that the order cannot differ between runs.
    var names: [String] { definitions.withLock { $0.keys.sorted() } }
}
