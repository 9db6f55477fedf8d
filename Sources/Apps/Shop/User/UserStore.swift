import ApusSQL

/// The rows of the user service, in a database of its own.
struct UserStore: Sendable {
    let database: any SQLDatabase

    static let migrations = [
        SQLMigration(
            "users", group: "user",
            statements: [
                """
                CREATE TABLE users (
                    id TEXT PRIMARY KEY,
                    name TEXT NOT NULL,
                    email TEXT NOT NULL UNIQUE,
                    password_hash TEXT NOT NULL,
                    created_at BIGINT NOT NULL
                )
                """
            ])
    ]

    /// False when another user has the address.
    func insert(_ user: User, passwordHash: PasswordHash) async throws -> Bool {
        let hash = passwordHash.encoded
        return try await database.transaction { connection in
            try connection.execute(
                """
                INSERT INTO users (id, name, email, password_hash, created_at)
                VALUES (\(user.id), \(user.name), \(user.email), \(hash), \(user.createdAt))
                ON CONFLICT (email) DO NOTHING
                """) == 1
        }
    }

    func exists(email: String) async throws -> Bool {
        try await database.read { connection in
            try !connection.query("SELECT id FROM users WHERE email = \(email)").isEmpty
        }
    }

    func user(id: String) async throws -> User? {
        try await database.read { connection in
            try connection.query("SELECT id, name, email, created_at FROM users WHERE id = \(id)").first.map { row in
                User(
                    id: try row.decode("id"), name: try row.decode("name"), email: try row.decode("email"),
                    createdAt: try row.decode("created_at"))
            }
        }
    }

    struct Credentials: Sendable {
        let userID: String
        let passwordHash: PasswordHash?
    }

    func credentials(email: String) async throws -> Credentials? {
        try await database.read { connection in
            try connection.query("SELECT id, password_hash FROM users WHERE email = \(email)").first.map { row in
                Credentials(
                    userID: try row.decode("id"), passwordHash: PasswordHash(encoded: try row.decode("password_hash")))
            }
        }
    }

    /// Replaces a hash, unless it has been replaced by another one meanwhile.
    func replacePasswordHash(of userID: String, from old: PasswordHash, to new: PasswordHash) async throws {
        let (old, new) = (old.encoded, new.encoded)
        try await database.transaction { connection in
            _ = try connection.execute(
                "UPDATE users SET password_hash = \(new) WHERE id = \(userID) AND password_hash = \(old)")
        }
    }
}
