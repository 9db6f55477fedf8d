import ApusSQL

/// The rows of the auth service: sessions, the digests of refresh tokens, and signing keys.
struct AuthStore: Sendable {
    /// The most sessions of one user; another login ends the oldest.
    static let maxSessions = 50
    /// The used refresh tokens of a session that are remembered, so that using one again is noticed.
    static let maxUsedTokens = 100

    let database: any SQLDatabase

    static let migrations = [
        SQLMigration(
            "sessions", group: "auth",
            statements: [
                """
                CREATE TABLE sessions (
                    id TEXT PRIMARY KEY,
                    user_id TEXT NOT NULL,
                    created_at BIGINT NOT NULL,
                    expires_at BIGINT NOT NULL,
                    access_expires_at BIGINT NOT NULL,
                    generation BIGINT NOT NULL,
                    revoked_at BIGINT,
                    is_published BIGINT NOT NULL
                )
                """,
                "CREATE INDEX sessions_by_user ON sessions (user_id, created_at)",
                "CREATE INDEX sessions_by_expiry ON sessions (expires_at)",
                "CREATE INDEX sessions_to_publish ON sessions (revoked_at) WHERE is_published = 0",
                """
                CREATE TABLE refresh_tokens (
                    digest TEXT PRIMARY KEY,
                    session_id TEXT NOT NULL,
                    generation BIGINT NOT NULL
                )
                """,
                "CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id, generation)",
            ]),
        SQLMigration(
            "signing keys", group: "auth",
            statements: [
                """
                CREATE TABLE signing_keys (
                    id TEXT PRIMARY KEY,
                    private_key BLOB NOT NULL,
                    created_at BIGINT NOT NULL
                )
                """
            ]),
    ]

    /// When the tokens that are issued now end, in milliseconds since 1970.
    struct Expiry: Hashable, Sendable {
        let access: Int64
        let refresh: Int64
    }

    /// Begins a session with its first refresh token, and ends the user's oldest when there are too many.
    func begin(_ sessionID: String, userID: String, digest: String, expiry: Expiry, now: Int64) async throws {
        try await database.transaction { connection in
            try connection.execute(
                """
                UPDATE sessions SET revoked_at = \(now) WHERE id IN (
                    SELECT id FROM sessions WHERE user_id = \(userID) AND revoked_at IS NULL AND expires_at > \(now)
                    ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET \(Self.maxSessions - 1))
                """)
            try connection.execute(
                """
                INSERT INTO sessions
                    (id, user_id, created_at, expires_at, access_expires_at, generation, revoked_at, is_published)
                VALUES (\(sessionID), \(userID), \(now), \(expiry.refresh), \(expiry.access), 0, NULL, 0)
                """)
            try connection.execute(
                "INSERT INTO refresh_tokens (digest, session_id, generation) VALUES (\(digest), \(sessionID), 0)")
        }
    }

    enum Rotation: Hashable, Sendable {
        case rotated(Session)
        case unknown
        case expired
        case revoked
        /// The token had been used before: somebody else has it, so the whole session is ended.
        case reused(Session)
    }

    /// Exchanges a refresh token for the next one of its session.
    func rotate(_ digest: String, to next: String, expiry: Expiry, now: Int64) async throws -> Rotation {
        try await database.transaction { connection in
            let row = try connection.queryOne(
                """
                SELECT sessions.id, user_id, expires_at, access_expires_at, revoked_at, sessions.generation,
                    refresh_tokens.generation AS token_generation
                FROM refresh_tokens JOIN sessions ON sessions.id = session_id WHERE digest = \(digest)
                """)
            guard let row else { return .unknown }
            let session = Session(
                id: try row.decode("id"), userID: try row.decode("user_id"),
                accessExpiresAt: max(expiry.access, try row.decode("access_expires_at")))
            guard try row.decode("revoked_at", as: Int64?.self) == nil else { return .revoked }
            let generation: Int64 = try row.decode("generation")
            guard try row.decode("token_generation") == generation else {
                try connection.execute("UPDATE sessions SET revoked_at = \(now) WHERE id = \(session.id)")
                return .reused(session)
            }
            guard try row.decode("expires_at", as: Int64.self) > now else { return .expired }
            try connection.execute(
                """
                UPDATE sessions SET generation = \(generation + 1), expires_at = \(expiry.refresh),
                    access_expires_at = \(session.accessExpiresAt) WHERE id = \(session.id)
                """)
            try connection.execute(
                """
                INSERT INTO refresh_tokens (digest, session_id, generation)
                VALUES (\(next), \(session.id), \(generation + 1))
                """)
            try connection.execute(
                """
                DELETE FROM refresh_tokens
                WHERE session_id = \(session.id) AND generation <= \(generation - Int64(Self.maxUsedTokens))
                """)
            return .rotated(session)
        }
    }
}
