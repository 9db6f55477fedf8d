import ApusPrimitives
import ApusResilience
import ApusSQL
import Logging
import TestSupport
import Testing

@testable import ApusTransactions

/// Coordinators that die at any point, over services that remember: whatever happens, the books are right at the end.
@Suite struct SagaCrashTests {
    /// Where a life of the coordinator ends.
    enum CrashPoint: Sendable {
        case never
        case database(CrashingDatabase.Crash, transaction: Int)
        case service(afterEffect: Bool, call: Int)
    }

    static let steps = ["create", "reserve", "charge", "confirm"]

    /// The world of one run: a database, services, and the sagas in it.
    struct Run {
        let database: SQLiteDatabase
        let services: SimulatedServices
        let clock = ManualTime()
        let ids: [String]

        init(sagas: Int, compensable: Set<String> = Set(SagaCrashTests.steps)) async throws {
            database = try SQLiteDatabase.inMemory()
            services = SimulatedServices(steps: SagaCrashTests.steps, compensable: compensable)
            ids = (0..<sagas).map { "saga-\($0)" }
            try await database.migrate(SagaCoordinator.migrations)
        }

        func enqueue() async throws {
            let saga = makeSaga(on: nil, dying: .never)
            let coordinator = makeCoordinator("order-1", on: database)
            try await database.transaction { connection in
                for id in ids { try coordinator.enqueue(saga, id: id, state: Trip(), in: connection) }
            }
        }

        private func makeSaga(on process: CrashingDatabase?, dying point: CrashPoint) -> Saga<Trip> {
            let services = services
            @Sendable func call(
                _ context: SagaContext, isCompensation: Bool, _ body: (SagaContext) throws -> Void
            ) async throws {
                guard let process, !process.isDead else { throw SimulatedServices.Failure() }
                services.enter(context, isCompensation: isCompensation)
                defer { services.leave(context) }
                if case .service(false, services.calls) = point { process.die() }
                if process.isDead { throw SimulatedServices.Failure() }
                try await check(context, isCompensation: isCompensation)
                try body(context)
                if case .service(true, services.calls) = point { process.die() }
                if process.isDead { throw SimulatedServices.Failure() }
            }
            let steps = SagaCrashTests.steps.map { name in
                let action: SagaStep<Trip>.Body = { state, context in
                    try await call(context, isCompensation: false, services.act)
                    state.done.append(name)
                }
                let compensation: SagaStep<Trip>.Body = { state, context in
                    try await call(context, isCompensation: true, services.undo)
                    state.done.removeAll { $0 == name }
                }
                return SagaStep<Trip>(
                    name, retry: RetryPolicy(maxAttempts: 3, baseDelay: .zero), timeout: .seconds(3_600),
                    compensationRetry: RetryPolicy(maxAttempts: .max, baseDelay: .zero), action: action,
                    compensation: services.compensable.contains(name) ? compensation : nil)
            }
            return Saga("order", steps: steps)
        }

        /// The promise that all others stand on: what is done is on disk before it is done.
        private func check(_ context: SagaContext, isCompensation: Bool) async throws {
            let found = try await database.read {
                try $0.queryOne("SELECT steps, token FROM apus_sagas WHERE id = \(context.sagaID)")
            }
            let row = try #require(found)
            let records: [SagaStepRecord] = try SagaState.decode(Array(row.decode("steps", as: String.self).utf8))
            let record = try #require(records.first { $0.name == context.step })
            let isSaved =
                isCompensation
                ? record.phase == .compensating && record.compensationAttempts == context.attempt
                : record.phase == .running && record.attempts == context.attempt
            if !isSaved { services.report("begun before it was saved: \(context), \(record)") }
        }

        private func makeCoordinator(_ owner: String, on database: any SQLDatabase) -> SagaCoordinator {
            let clock = clock
            return SagaCoordinator(
                database: database, owner: owner, time: clock.source,
                wallClock: { 1_000_000 + clock.now.nanoseconds / 1_000_000 },
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        /// Runs a coordinator until it dies or nothing is left to do.
        func live(as owner: String, until point: CrashPoint) async throws -> CrashingDatabase {
            let process =
                if case .database(let crash, let number) = point {
                    CrashingDatabase(database, crash: crash, at: number)
                } else {
                    CrashingDatabase(database)
                }
            let coordinator = makeCoordinator(owner, on: process)
            coordinator.register(makeSaga(on: process, dying: point))
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { try await coordinator.run() }
                _ = await process.ending()
                group.cancelAll()
            }
            return process
        }

        func audit() async throws -> [String] {
            let coordinator = makeCoordinator("auditor", on: database)
            coordinator.register(makeSaga(on: nil, dying: .never))
            var wrongs = services.violations
            for id in ids {
                let status = try #require(try await coordinator.status(of: id))
                wrongs += services.audit(status)
            }
            return wrongs
        }
    }

    @Test(arguments: 0..<20)
    func everySagaEndsRightWhereverTheCoordinatorDies(block: UInt64) async throws {
        for seed in (block * 60)..<(block * 60 + 60) {
            let wrongs = try await simulate(seed: seed)
            #expect(wrongs.isEmpty, "seed \(seed): \(wrongs)")
        }
    }

    private func simulate(seed: UInt64) async throws -> [String] {
        var random = SeededRandom(seed: seed)
        let compensable = Set(Self.steps.filter { _ in Int.random(in: 0..<5, using: &random) > 0 })
        let run = try await Run(sagas: Int.random(in: 1...3, using: &random), compensable: compensable)
        for id in run.ids {
            for step in Self.steps {
                run.services.decide(
                    Self.fate(using: &random), undoFailures: max(0, Int.random(in: -4...2, using: &random)), saga: id,
                    step: step)
            }
        }
        try await run.enqueue()
        var owner = "order-1"
        for life in 0..<Int.random(in: 1...5, using: &random) {
            if Bool.random(using: &random) {
                // The same slot takes its own claims over; another one must wait until they have expired.
                owner = "order-\(life + 2)"
                run.clock.advance(by: .seconds(11))
            }
            _ = try await run.live(as: owner, until: Self.point(after: run.services.calls, using: &random))
        }
        run.clock.advance(by: .seconds(11))
        _ = try await run.live(as: "order-1", until: .never)
        return try await run.audit()
    }

    private static func fate(using random: inout SeededRandom) -> SimulatedServices.Fate {
        switch Int.random(in: 0..<20, using: &random) {
        case 0: .declines
        case 1: .neverAnswers(afterEffect: true)
        case 2: .neverAnswers(afterEffect: false)
        case 3...6: .fails(times: Int.random(in: 1...2, using: &random), afterEffect: .random(using: &random))
        default: .works
        }
    }

    private static func point(after calls: Int, using random: inout SeededRandom) -> CrashPoint {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: .database(.beforeCommit, transaction: Int.random(in: 1...12, using: &random))
        case 1: .database(.afterCommit, transaction: Int.random(in: 1...12, using: &random))
        case 2: .service(afterEffect: false, call: calls + Int.random(in: 1...6, using: &random))
        default: .service(afterEffect: true, call: calls + Int.random(in: 1...6, using: &random))
        }
    }

    /// One saga, one crash, at each point there is, one after the other.
    @Test(arguments: ["all work", "charge declines", "charge never answers", "confirm loses answers"])
    func oneCrashAtEachPoint(scenario: String) async throws {
        var number = 0
        var isDone = false
        while !isDone {
            number += 1
            isDone = true
            for point: CrashPoint in [
                .database(.beforeCommit, transaction: number), .database(.afterCommit, transaction: number),
                .service(afterEffect: false, call: number), .service(afterEffect: true, call: number),
            ] {
                let run = try await Run(sagas: 1)
                switch scenario {
                case "charge declines": run.services.decide(.declines, undoFailures: 1, saga: "saga-0", step: "charge")
                case "charge never answers":
                    run.services.decide(
                        .neverAnswers(afterEffect: true), undoFailures: 1, saga: "saga-0", step: "charge")
                case "confirm loses answers":
                    run.services.decide(
                        .fails(times: 2, afterEffect: true), undoFailures: 0, saga: "saga-0", step: "confirm")
                default: break
                }
                try await run.enqueue()
                if try await run.live(as: "order-1", until: point).isDead {
                    isDone = false
                    _ = try await run.live(as: "order-1", until: .never)
                }
                let wrongs = try await run.audit()
                #expect(wrongs.isEmpty, "\(point): \(wrongs)")
            }
        }
        #expect(number > 6, "the saga took \(number) steps to crash at")
    }
}
