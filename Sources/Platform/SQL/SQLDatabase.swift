/// A relational database: the seam that services, sagas and the outbox write through.
///
/// The engines promise the same, and `SQLConformance` checks it on each: transactions are serializable, what
/// `transaction` returned survives a crash of the process and of the machine, and a body that throws leaves nothing.
public protocol SQLDatabase: Sendable {
    /// Runs `body` on one consistent snapshot of committed data. A write in it throws `readOnly`.
    ///
    /// - Throws: what `body` throws, `SQLError`, or `CancellationError` when cancelled before `body` began.
    func read<T: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> T) async throws -> T

    /// Runs `body` as one serializable transaction, durable once this returns and rolled back when `body` throws.
    ///
    /// `body` runs off the cooperative pool and may be run again from its beginning after it was rolled back (a commit
    /// shared with others failed, or an engine met a serialization conflict), so it must touch nothing but the
    /// connection. Once it began, cancellation waits for its end: the outcome is never in doubt.
    ///
    /// - Throws: what `body` throws, `SQLError`, or `CancellationError` when cancelled before `body` began.
    func transaction<T: Sendable>(_ body: @escaping @Sendable (any SQLConnection) throws -> T) async throws -> T

    /// Applies those of `migrations` that the database does not have yet, in order, all in one transaction.
    ///
    /// Several processes may do this at the same moment: one migrates and the others find it done.
    ///
    /// - Throws: `SQLError`: `unknownMigration`, `migrationOrder`, or what a migration throws.
    func migrate(_ migrations: [SQLMigration]) async throws
}

/// The database inside one read or transaction.
///
/// Synchronous on purpose: no network call can be awaited while a transaction is open. Valid only until the body ends.
/// After a statement failed, every further one throws `transactionFailed` and the transaction is rolled back, as in
/// PostgreSQL: let the error out, or write `INSERT … ON CONFLICT DO NOTHING` and look at the count.
public protocol SQLConnection {
    /// The rows that the statement yields (`SELECT`, or `… RETURNING`).
    func query(_ query: SQLQuery) throws -> [SQLRow]

    /// The number of rows inserted, updated or deleted by the statement itself (not by its triggers).
    @discardableResult func execute(_ query: SQLQuery) throws -> Int
}

extension SQLConnection {
    /// The only row, or nil when there is none.
    ///
    /// - Throws: `SQLError.Code.misuse` when there are several.
    public func queryOne(_ query: SQLQuery) throws -> SQLRow? {
        let rows = try self.query(query)
        guard rows.count <= 1 else { throw SQLError(.misuse, "\(rows.count) rows where one was asked", sql: query.sql) }
        return rows.first
    }

    /// The first column of the only row, or nil when there is no row.
    public func queryValue<T: SQLDecodable>(_ query: SQLQuery, as type: T.Type = T.self) throws -> T? {
        try queryOne(query)?.decode(at: 0)
    }
}
