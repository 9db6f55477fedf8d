import ApusPrimitives
import GRDB

/// One transaction that waits for the writer.
struct SQLiteWrite: Sendable {
    /// False when its caller has gone.
    let begin: @Sendable () -> Bool
    /// Runs the body and keeps its value; may be called again after a rollback.
    let attempt: @Sendable (Database) -> (any Error)?
    /// Answers the caller: nil once the value is durable.
    let answer: @Sendable ((any Error)?) -> Void
}

/// Group commit: the transactions that wait while one is written share the next commit and its fsync.
///
/// Each runs in a savepoint of its own, one after the other, so they are as serializable and as atomic as alone. When
/// their shared commit fails, each is run again in a transaction of its own, so that none suffers for another.
final class SQLiteWriteQueue: Sendable {
    private struct State {
        var waiting: [SQLiteWrite] = []
        var isDraining = false
        var isClosed = false
    }

    static let maxBatch = 128

    private let maxWaiting: Int
    private let state = Locked(State())

    init(maxWaiting: Int) {
        self.maxWaiting = maxWaiting
    }

    /// Adds `write`.
    ///
    /// - Returns: whether the caller must see to it that `drain` is called.
    func enqueue(_ write: SQLiteWrite) throws(SQLError) -> Bool {
        try state.withLock { state throws(SQLError) in
            if state.isClosed { throw SQLError(.closed, "the database is closed") }
            guard state.waiting.count < maxWaiting else {
                throw SQLError(.overloaded, "\(maxWaiting) transactions wait already")
            }
            state.waiting.append(write)
            defer { state.isDraining = true }
            return !state.isDraining
        }
    }

    /// Refuses everything that waits, and whatever comes later.
    func close() {
        let refused = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for write in refused { write.answer(SQLError(.closed, "the database was closed")) }
    }

    /// Runs batches until nothing waits. Called on the writer's thread.
    func drain(_ database: Database) {
        while let batch = takeBatch() {
            run(batch.filter { $0.begin() }, on: database)
        }
    }

    private func takeBatch() -> [SQLiteWrite]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isDraining = false
                return nil
            }
            let batch = Array(state.waiting.prefix(Self.maxBatch))
            state.waiting.removeFirst(batch.count)
            return batch
        }
    }

    private func run(_ batch: [SQLiteWrite], on database: Database) {
        guard batch.count > 1 else {
            if let write = batch.first { runAlone(write, on: database) }
            return
        }
        do {
            try database.beginTransaction(.immediate)
        } catch {
            for write in batch { write.answer(SQLError.mapped(error)) }
            return
        }
        do {
            let errors = try batch.map { try runInSavepoint($0, on: database) }
            try database.commit()
            for (write, error) in zip(batch, errors) { write.answer(error) }
        } catch {
            try? database.rollback()
            for write in batch { runAlone(write, on: database) }
        }
    }

    /// - Returns: what the body threw.
    /// - Throws: when the transaction as a whole is lost.
    private func runInSavepoint(_ write: SQLiteWrite, on database: Database) throws -> (any Error)? {
        try database.cachedStatement(sql: "SAVEPOINT apus").execute()
        let error = write.attempt(database)
        // A full disk or a failed read makes SQLite roll back everything by itself.
        guard database.isInsideTransaction else { throw error ?? SQLError(.unknown, "the transaction was lost") }
        if error != nil { try database.cachedStatement(sql: "ROLLBACK TO apus").execute() }
        try database.cachedStatement(sql: "RELEASE apus").execute()
        return error
    }

    private func runAlone(_ write: SQLiteWrite, on database: Database) {
        do {
            try database.beginTransaction(.immediate)
            if let error = write.attempt(database) { throw error }
            try database.commit()
            write.answer(nil)
        } catch {
            try? database.rollback()
            write.answer(SQLError.mapped(error))
        }
    }
}
