import ApusPrimitives
import ApusSQL

/// One life of a process: a database handle that dies at a chosen transaction, and everything with it.
final class CrashingDatabase: SQLDatabase {
    enum Crash: Sendable {
        case beforeCommit
        case afterCommit
    }

    enum Ending: Sendable {
        case crashed
        /// No saga is open any more.
        case finished
    }

    private struct State {
        var transactions = 0
        var ending: Ending?
        var waiter: CheckedContinuation<Ending, Never>?
    }

    private let base: any SQLDatabase
    private let point: Int
    private let crash: Crash
    private let state = Locked(State())

    /// - Parameter point: the number of the transaction, from 1, at which it dies; 0 for never.
    init(_ base: any SQLDatabase, crash: Crash = .beforeCommit, at point: Int = 0) {
        self.base = base
        self.crash = crash
        self.point = point
    }

    var isDead: Bool { state.withLock { $0.ending == .crashed } }
    var transactions: Int { state.withLock { $0.transactions } }

    func die() { end(.crashed) }

    func ending() async -> Ending {
        await withCheckedContinuation { continuation in
            let ending: Ending? = state.withLock { state in
                if state.ending == nil { state.waiter = continuation }
                return state.ending
            }
            if let ending { continuation.resume(returning: ending) }
        }
    }

    func read<T: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> T) async throws -> T {
        try checkAlive()
        return try await base.read(body)
    }

    func transaction<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws -> T {
        try checkAlive()
        let number = state.withLock { state in
            state.transactions += 1
            return state.transactions
        }
        if number == point, crash == .beforeCommit { die() }
        try checkAlive()
        let (value, open) = try await base.transaction { connection in
            let value = try body(connection)
            let open: Int? = try connection.queryValue("SELECT COUNT(*) FROM apus_sagas WHERE ended_at_ms IS NULL")
            return (value, open)
        }
        if number == point { die() }
        try checkAlive()
        if open == 0 { end(.finished) }
        return value
    }

    private func checkAlive() throws {
        if isDead { throw SQLError(.ioError, "the process is dead") }
    }

    private func end(_ ending: Ending) {
        let waiter: CheckedContinuation<Ending, Never>? = state.withLock { state in
            // It may die with nothing open; a dead one stays dead.
            guard state.ending != .crashed else { return nil }
            state.ending = ending
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: ending)
    }
}
