import ApusSQL

extension AuthStore {
    /// Ends a session; nil when there is none that could still be used.
    func revoke(sessionID: String, now: Int64) async throws -> Session? {
        try await database.transaction { connection in
            try connection.execute(
                "UPDATE sessions SET revoked_at = \(now) WHERE id = \(sessionID) AND revoked_at IS NULL")
            return try connection.queryOne(
                "SELECT id, user_id, access_expires_at FROM sessions WHERE id = \(sessionID)"
            ).map(Self.session)
        }
    }

    /// The session that a refresh token belongs to, whether it may still be used or not.
    func session(ofRefreshToken digest: String) async throws -> Session? {
        try await database.read { connection in
            try connection.queryOne(
                """
                SELECT sessions.id, user_id, access_expires_at FROM refresh_tokens
                JOIN sessions ON sessions.id = session_id WHERE digest = \(digest)
                """
            ).map(Self.session)
        }
    }

    /// Ended sessions that the services have not been told of, oldest first.
    func unpublishedRevocations(limit: Int) async throws -> [Session] {
        try await database.read { connection in
            try connection.query(
                """
                SELECT id, user_id, access_expires_at FROM sessions
                WHERE is_published = 0 AND revoked_at IS NOT NULL ORDER BY revoked_at LIMIT \(limit)
                """
            ).map(Self.session)
        }
    }

    func markPublished(_ sessionID: String) async throws {
        try await database.transaction { connection in
            _ = try connection.execute("UPDATE sessions SET is_published = 1 WHERE id = \(sessionID)")
        }
    }

    /// Publishes every revocation anew that still matters: for a coordination store that has lost what it knew.
    func forgetPublications(now: Int64) async throws {
        try await database.transaction { connection in
            _ = try connection.execute(
                "UPDATE sessions SET is_published = 0 WHERE revoked_at IS NOT NULL AND access_expires_at > \(now)")
        }
    }

    /// Deletes at most `limit` sessions that no token can use any more.
    ///
    /// - Returns: how many were deleted.
    func purge(now: Int64, limit: Int) async throws -> Int {
        try await database.transaction { connection in
            let ids: [String] = try connection.query(
                """
                SELECT id FROM sessions
                WHERE expires_at <= \(now) AND access_expires_at <= \(now)
                    AND (revoked_at IS NULL OR is_published = 1)
                LIMIT \(limit)
                """
            ).map { try $0.decode("id") }
            guard !ids.isEmpty else { return 0 }
            try connection.execute("DELETE FROM refresh_tokens WHERE session_id IN (\(list: ids))")
            return try connection.execute("DELETE FROM sessions WHERE id IN (\(list: ids))")
        }
    }

    private static func session(_ row: SQLRow) throws -> Session {
        Session(
            id: try row.decode("id"), userID: try row.decode("user_id"),
            accessExpiresAt: try row.decode("access_expires_at"))
    }
}
