import ApusSQL

/// The rows of the payment service: cards for a short while, charges, and the bank's ledger.
///
/// The ledger is only ever appended to. A charge writes a positive entry and a refund a negative one, each at most once
/// for an order, so its sum is the money that the shop has.
struct PaymentStore: Sendable {
    let database: any SQLDatabase

    static let migrations = [
        SQLMigration(
            "cards", group: "payment",
            statements: [
                """
                CREATE TABLE cards (
                    token_digest TEXT PRIMARY KEY,
                    sealed_number BLOB NOT NULL,
                    last_four TEXT NOT NULL,
                    fingerprint TEXT NOT NULL,
                    expires_at BIGINT NOT NULL
                )
                """,
                "CREATE INDEX cards_by_expiry ON cards (expires_at)",
            ]),
        SQLMigration(
            "charges", group: "payment",
            statements: [
                """
                CREATE TABLE charges (
                    order_id TEXT PRIMARY KEY,
                    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'declined', 'refunded', 'cancelled')),
                    amount BIGINT NOT NULL CHECK (amount >= 0),
                    currency TEXT NOT NULL,
                    last_four TEXT NOT NULL,
                    card_fingerprint TEXT NOT NULL,
                    silences BIGINT NOT NULL,
                    fencing_token BIGINT NOT NULL,
                    created_at BIGINT NOT NULL,
                    updated_at BIGINT NOT NULL
                )
                """,
                """
                CREATE TABLE ledger (
                    id TEXT PRIMARY KEY,
                    order_id TEXT NOT NULL,
                    kind TEXT NOT NULL CHECK (kind IN ('charge', 'refund')),
                    amount BIGINT NOT NULL,
                    currency TEXT NOT NULL,
                    created_at BIGINT NOT NULL,
                    UNIQUE (order_id, kind),
                    CHECK ((kind = 'charge' AND amount > 0) OR (kind = 'refund' AND amount < 0))
                )
                """,
            ]),
    ]
}

extension PaymentStore {
    struct StoredCard: Hashable, Sendable {
        let tokenDigest: String
        let sealedNumber: [UInt8]
        let lastFour: String
        let fingerprint: String
        /// Milliseconds since 1970.
        let expiresAt: Int64
    }

    func keep(_ card: StoredCard) async throws {
        try await database.transaction { connection in
            _ = try connection.execute(
                """
                INSERT INTO cards (token_digest, sealed_number, last_four, fingerprint, expires_at)
                VALUES (\(card.tokenDigest), \(card.sealedNumber), \(card.lastFour), \(card.fingerprint),
                    \(card.expiresAt))
                """)
        }
    }

    /// Forgets at most `limit` cards whose time has come.
    ///
    /// - Returns: how many were forgotten.
    func forgetExpiredCards(now: Int64, limit: Int) async throws -> Int {
        try await database.transaction { connection in
            try connection.execute(
                """
                DELETE FROM cards WHERE token_digest IN
                    (SELECT token_digest FROM cards WHERE expires_at <= \(now) ORDER BY expires_at LIMIT \(limit))
                """)
        }
    }

    /// The sum of the ledger, or of one order's entries.
    func balance(of orderID: String? = nil) async throws -> Money {
        try await database.read { connection in
            let entries: [SQLRow]
            if let orderID {
                entries = try connection.query("SELECT amount FROM ledger WHERE order_id = \(orderID)")
            } else {
                entries = try connection.query("SELECT COALESCE(SUM(amount), 0) AS amount FROM ledger")
            }
            return try Money.sum(of: entries.map { try $0.decode("amount") })
        }
    }
}
