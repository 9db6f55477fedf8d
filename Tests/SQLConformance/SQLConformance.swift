public import ApusSQL

/// What every engine of `SQLDatabase` must do. Run each of `checks` on an empty database of its own.
public enum SQLConformance {
    public struct Check: Sendable, CustomStringConvertible {
        public let name: String
        /// Throws `Violation`, or whatever the database threw where it should not have.
        public let body: @Sendable (any SQLDatabase) async throws -> Void

        public var description: String { name }
    }

    /// A promise that the engine does not keep.
    public struct Violation: Error, CustomStringConvertible {
        public let description: String
    }

    public static let checks: [Check] = values + queries + transactions + migrations

    static func expect(
        _ condition: Bool, _ message: @autoclosure () -> String, line: Int = #line
    ) throws {
        if !condition { throw Violation(description: "\(message()) (line \(line))") }
    }

    /// The code of the `SQLError` that `body` must throw.
    static func expect(
        _ code: SQLError.Code, line: Int = #line, _ body: () async throws -> Void
    ) async throws {
        do {
            try await body()
        } catch let error as SQLError {
            guard error.code == code else {
                throw Violation(description: "\(error) instead of \(code) (line \(line))")
            }
            return
        }
        throw Violation(description: "no error instead of \(code) (line \(line))")
    }

    /// The column types are those that SQLite and PostgreSQL both take.
    static func makeTable(_ database: any SQLDatabase) async throws {
        _ = try await database.transaction { connection in
            try connection.execute(
                """
                CREATE TABLE people (
                    id BIGINT NOT NULL PRIMARY KEY, name TEXT, height DOUBLE PRECISION, photo BYTEA,
                    age BIGINT CHECK (age >= 0), email TEXT UNIQUE)
                """)
            try connection.execute(
                "CREATE TABLE pets (id BIGINT PRIMARY KEY, owner BIGINT NOT NULL REFERENCES people (id))")
        }
    }

    static func count(_ database: any SQLDatabase) async throws -> Int {
        try await database.read { try $0.queryValue("SELECT COUNT(*) FROM people") ?? -1 }
    }
}
