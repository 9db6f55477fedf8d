import ApusSQL

extension AuthStore {
    struct StoredKey: Hashable, Sendable {
        let id: String
        /// The raw scalar, 32 bytes.
        let privateKey: [UInt8]
        /// Milliseconds since 1970.
        let createdAt: Int64
    }

    /// Newest first.
    func signingKeys() async throws -> [StoredKey] {
        try await database.read { try Self.keys($0) }
    }

    /// Adds `key` unless there is a younger one than `youngerThan`, and deletes those that `isRetired` picks, given all
    /// keys, newest first. Several instances may do this at the same moment.
    func rotate(
        to key: StoredKey, unlessYoungerThan limit: Int64,
        deleting retired: @escaping @Sendable ([StoredKey]) -> [String]
    ) async throws -> [StoredKey] {
        try await database.transaction { connection in
            let keys = try Self.keys(connection)
            if let newest = keys.first, newest.createdAt > limit { return keys }
            try connection.execute(
                """
                INSERT INTO signing_keys (id, private_key, created_at)
                VALUES (\(key.id), \(key.privateKey), \(key.createdAt))
                """)
            let ids = retired([key] + keys)
            try connection.execute("DELETE FROM signing_keys WHERE id IN (\(list: ids))")
            return try Self.keys(connection)
        }
    }

    func deleteSigningKeys(_ ids: [String]) async throws {
        try await database.transaction { connection in
            _ = try connection.execute("DELETE FROM signing_keys WHERE id IN (\(list: ids))")
        }
    }

    private static func keys(_ connection: any SQLConnection) throws -> [StoredKey] {
        try connection.query("SELECT id, private_key, created_at FROM signing_keys ORDER BY created_at DESC, id DESC")
            .map { row in
                StoredKey(
                    id: try row.decode("id"), privateKey: try row.decode("private_key"),
                    createdAt: try row.decode("created_at"))
            }
    }
}
