import ApusPrimitives
import ApusResilience
import Foundation
import GRDB

/// SQLite in WAL mode: one writer, and readers that do not wait for it.
///
/// Every commit is flushed to the disk (`synchronous=FULL`) before `transaction` returns; transactions that wait at the
/// same time share one flush. Several values, in several processes, may open one file: they wait for each other for up
/// to `Settings.busyTimeout`. A file on a network file system is not supported.
public final class SQLiteDatabase: SQLDatabase {
    public struct Settings: Sendable {
        /// How long a transaction waits for another process or another value on the same file.
        public var busyTimeout: Duration = .seconds(5)
        /// Connections that read at the same time.
        public var maxReaders = 4
        /// Calls of `transaction` that may wait, and calls of `read` that may wait or run; more are `overloaded`.
        public var maxWaiting = 10_000

        public init() {}
    }

    /// The file; nil for a database in memory.
    public let path: String?

    private let engine: any DatabaseWriter
    private let settings: Settings
    private let writes: SQLiteWriteQueue
    private let reads = Locked(Reads())

    private struct Reads {
        var count = 0
        var isClosed = false
    }

    /// Opens the file at `path`, or creates it; its folder must exist.
    ///
    /// - Throws: `SQLError`: `cannotOpen`, `notADatabase`, `corrupt`, `busy`.
    public convenience init(path: String, settings: Settings = Settings()) throws {
        let engine = try Self.retryingWhileBusy(for: settings.busyTimeout) {
            let pool = try DatabasePool(path: path, configuration: Self.configuration(settings))
            // GRDB turned it down to NORMAL, which may forget the last commits when the machine stops.
            try pool.unsafeReentrantWrite { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            return pool
        }
        self.init(engine: engine, path: path, settings: settings)
    }

    /// A database that is gone when this value is: for tests. Its reads wait for its writes.
    public static func inMemory(settings: Settings = Settings()) throws -> SQLiteDatabase {
        do {
            let engine = try DatabaseQueue(configuration: configuration(settings))
            return SQLiteDatabase(engine: engine, path: nil, settings: settings)
        } catch {
            throw SQLError.mapped(error)
        }
    }

    private init(engine: any DatabaseWriter, path: String?, settings: Settings) {
        self.engine = engine
        self.path = path
        self.settings = settings
        writes = SQLiteWriteQueue(maxWaiting: settings.maxWaiting)
    }

    public func transaction<T: Sendable>(
        _ body: @escaping @Sendable (any SQLConnection) throws -> T
    ) async throws -> T {
        try await Waiter<T>.wait { waiter in
            let value = Locked<T?>(nil)
            let write = SQLiteWrite(
                begin: { waiter.begin() },
                attempt: { database in
                    Self.run(body, on: database) { result in value.withLock { $0 = result } }
                },
                answer: { error in
                    if let error { return waiter.answer(.failure(error)) }
                    if let result = value.withLock({ $0 }) { waiter.answer(.success(result)) }
                })
            do throws(SQLError) {
                guard try writes.enqueue(write) else { return }
                engine.asyncWriteWithoutTransaction { [writes] in writes.drain($0) }
            } catch {
                waiter.answer(.failure(error))
            }
        }
    }

    public func read<T: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> T) async throws -> T {
        try await Waiter<T>.wait { waiter in
            do throws(SQLError) {
                try admitRead()
            } catch {
                return waiter.answer(.failure(error))
            }
            // A cancelled call leaves the engine's queue only when its turn comes, and counts until then.
            engine.asyncRead { [reads] result in
                defer { reads.withLock { $0.count -= 1 } }
                guard waiter.begin() else { return }
                do {
                    let database = try result.get()
                    var value: T?
                    if let error = Self.run(body, on: database, keep: { value = $0 }) { throw error }
                    if let value { waiter.answer(.success(value)) }
                } catch {
                    waiter.answer(.failure(SQLError.mapped(error)))
                }
            }
        }
    }

    private func admitRead() throws(SQLError) {
        try reads.withLock { reads throws(SQLError) in
            if reads.isClosed { throw SQLError(.closed, "the database is closed") }
            guard reads.count < settings.maxWaiting else {
                throw SQLError(.overloaded, "\(settings.maxWaiting) reads wait or run already")
            }
            reads.count += 1
        }
    }

    /// Ends all use: waits for what runs, refuses what waits (`closed`), writes the log back into the file. Blocks.
    public func close() {
        reads.withLock { $0.isClosed = true }
        writes.close()
        // Fails only when it is closed already, or with statements in use, which no body can keep.
        try? engine.close()
    }

    private static func run<T>(
        _ body: (any SQLConnection) throws -> T, on database: Database, keep: (T) -> Void
    ) -> (any Error)? {
        let connection = SQLiteConnection(database)
        defer { connection.end() }
        do {
            keep(try body(connection))
            return connection.failure
        } catch {
            return SQLError.mapped(error)
        }
    }

    private static func configuration(_ settings: Settings) -> Configuration {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(settings.busyTimeout.seconds)
        configuration.maximumReaderCount = max(1, settings.maxReaders)
        configuration.label = "apus.sql"
        return configuration
    }

    /// Going over to WAL does not obey the busy timeout, and several processes may create the file at once.
    private static func retryingWhileBusy<T>(for limit: Duration, _ open: () throws -> T) throws -> T {
        let end = ContinuousClock.now + limit
        while true {
            do {
                return try open()
            } catch {
                let error = SQLError.mapped(error)
                guard (error as? SQLError)?.code == .busy, ContinuousClock.now < end else { throw error }
                Thread.sleep(forTimeInterval: 0.01)
            }
        }
    }
}
