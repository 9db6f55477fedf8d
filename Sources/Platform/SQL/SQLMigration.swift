import Foundation

/// One step of a schema, applied once to each database and recorded there by its name.
public struct SQLMigration: Sendable {
    /// Unique in its group. Never renamed, and never changed once it was released.
    public let name: String
    /// Whose schema it is. Each group is ordered for itself, so a library and a service can share a file.
    public let group: String
    let apply: @Sendable (any SQLConnection) throws -> Void

    public init(
        _ name: String, group: String = "main", apply: @escaping @Sendable (any SQLConnection) throws -> Void
    ) {
        self.name = name
        self.group = group
        self.apply = apply
    }

    /// A migration of statements only, run in order.
    public init(_ name: String, group: String = "main", statements: [SQLQuery]) {
        self.init(name, group: group) { connection in
            for statement in statements { try connection.execute(statement) }
        }
    }
}

extension SQLDatabase {
    public func migrate(_ migrations: [SQLMigration]) async throws {
        var attempt = 1
        while true {
            do {
                return try await transaction { try SQLMigration.apply(migrations, on: $0) }
            } catch let error as SQLError where error.code == .busy && attempt < SQLMigration.maxAttempts {
                // Another instance is at it, and its migration takes longer than the busy timeout.
                attempt += 1
            }
        }
    }
}

extension SQLMigration {
    /// With SQLite's busy timeout of five seconds: a minute.
    static let maxAttempts = 12

    static func apply(_ migrations: [SQLMigration], on connection: any SQLConnection) throws {
        try connection.execute(
            """
            CREATE TABLE IF NOT EXISTS apus_migrations (
                "group" TEXT NOT NULL, position BIGINT NOT NULL, name TEXT NOT NULL, applied_at_ms BIGINT NOT NULL,
                PRIMARY KEY ("group", name), UNIQUE ("group", position))
            """)
        var groups: [String] = []
        for migration in migrations where !groups.contains(migration.group) { groups.append(migration.group) }
        for group in groups {
            let rows = try connection.query(
                #"SELECT name FROM apus_migrations WHERE "group" = \#(group) ORDER BY position"#)
            let applied = try rows.map { try $0.decode(at: 0, as: String.self) }
            let wanted = migrations.filter { $0.group == group }
            try check(wanted.map(\.name), against: applied, group: group)
            for (position, migration) in wanted.enumerated().dropFirst(applied.count) {
                try migration.apply(connection)
                try connection.execute(
                    #"""
                    INSERT INTO apus_migrations ("group", position, name, applied_at_ms)
                    VALUES (\#(group), \#(position), \#(migration.name), \#(Int64(Date().timeIntervalSince1970 * 1000)))
                    """#)
            }
        }
    }

    private static func check(_ wanted: [String], against applied: [String], group: String) throws(SQLError) {
        for (position, name) in wanted.enumerated() where wanted[..<position].contains(name) {
            throw SQLError(.migrationOrder, "the group \(group) has two migrations called \(name)")
        }
        if let unknown = applied.first(where: { !wanted.contains($0) }) {
            throw SQLError(
                .unknownMigration,
                "the database has the migration \(group)/\(unknown), which this program does not know: "
                    + "it was last used by a newer version")
        }
        for (name, before) in zip(wanted, applied) where name != before {
            throw SQLError(
                .migrationOrder, "the migration \(group)/\(name) stands where \(before) was applied; add new ones last")
        }
    }
}
