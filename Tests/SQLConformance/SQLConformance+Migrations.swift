import ApusSQL

extension SQLConformance {
    private static let first = SQLMigration("1 people", statements: ["CREATE TABLE m_people (id BIGINT PRIMARY KEY)"])
    private static let second = SQLMigration(
        "2 name",
        statements: ["ALTER TABLE m_people ADD COLUMN name TEXT", "INSERT INTO m_people (id, name) VALUES (1, 'x')"])
    private static let other = SQLMigration(
        "1 log", group: "log", statements: ["CREATE TABLE m_log (id BIGINT PRIMARY KEY)"])

    private static func rows(_ database: any SQLDatabase) async throws -> Int {
        try await database.read { try $0.queryValue("SELECT COUNT(*) FROM m_people") ?? -1 }
    }

    static let migrations: [Check] = [
        Check(name: "each migration is applied once, in order") { database in
            try await database.migrate([first])
            try await database.migrate([first, second])
            try await database.migrate([first, second])
            try expect(try await rows(database) == 1, "a migration ran twice, or not at all")
        },
        Check(name: "migrators that start at the same moment apply each once") { database in
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<20 { group.addTask { try await database.migrate([first, second, other]) } }
            }
            try expect(try await rows(database) == 1, "a migration ran twice, or not at all")
        },
        Check(name: "a migration that this program does not know is refused") { database in
            try await database.migrate([first, second])
            try await expect(.unknownMigration) { try await database.migrate([first]) }
            try await database.migrate([first, second])
        },
        Check(name: "an inserted, swapped or doubled migration is refused") { database in
            let inserted = SQLMigration("0 new", statements: [])
            try await database.migrate([first, second])
            try await expect(.migrationOrder) { try await database.migrate([inserted, first, second]) }
            try await expect(.migrationOrder) { try await database.migrate([second, first]) }
            try await expect(.migrationOrder) { try await database.migrate([first, second, second]) }
        },
        Check(name: "groups do not know of each other") { database in
            try await database.migrate([first])
            try await database.migrate([other])
            try await database.migrate([first, second])
            try await database.migrate([other, first, second])
        },
        Check(name: "a failing migration leaves none of its call") { database in
            let failing = SQLMigration("2 broken", statements: ["ALTER TABLE m_nowhere ADD COLUMN x TEXT"])
            try await expect(.invalidStatement) { try await database.migrate([first, failing]) }
            try await expect(.invalidStatement) { _ = try await rows(database) }
            try await database.migrate([first, second])
            try expect(try await rows(database) == 1, "the second try did not migrate")
        },
    ]
}
