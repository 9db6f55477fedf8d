import ApusSQL

/// The order service's tables. Every statement about orders is here and in `OrderStore+Read`.
struct OrderStore: Sendable {
    let database: any SQLDatabase

    static let migrations = [
        SQLMigration(
            "orders", group: "order",
            statements: [
                """
                CREATE TABLE orders (
                    id TEXT PRIMARY KEY,
                    user_id TEXT NOT NULL,
                    status TEXT NOT NULL CHECK (status IN ('pending', 'confirmed', 'cancelled')),
                    reason TEXT,
                    total BIGINT NOT NULL CHECK (total >= 0),
                    currency TEXT NOT NULL,
                    idempotency_key TEXT,
                    fingerprint BLOB,
                    created_at BIGINT NOT NULL,
                    ended_at BIGINT)
                """,
                """
                CREATE TABLE order_lines (
                    order_id TEXT NOT NULL REFERENCES orders (id),
                    position BIGINT NOT NULL,
                    product_id TEXT NOT NULL,
                    name TEXT NOT NULL,
                    unit_price BIGINT NOT NULL CHECK (unit_price >= 0),
                    quantity BIGINT NOT NULL CHECK (quantity > 0),
                    total BIGINT NOT NULL CHECK (total = unit_price * quantity),
                    PRIMARY KEY (order_id, position))
                """,
                "CREATE UNIQUE INDEX orders_by_key ON orders (user_id, idempotency_key)",
                "CREATE INDEX orders_by_user ON orders (user_id, id)",
                "CREATE INDEX orders_pending ON orders (id) WHERE status = 'pending'",
            ])
    ]

    /// An attempt to order that a client has given a name.
    struct Attempt: Sendable {
        let key: IdempotencyKey
        /// Of the card, to tell a repetition from another request under the same key.
        let fingerprint: [UInt8]
    }

    enum Insertion: Sendable {
        case inserted
        /// The user's key has an order already.
        case exists(Order, fingerprint: [UInt8])
    }

    /// Writes the order unless its key has one already. Part of the caller's transaction.
    static func insert(_ order: Order, attempt: Attempt?, in connection: any SQLConnection) throws -> Insertion {
        let inserted = try connection.execute(
            """
            INSERT INTO orders
                (id, user_id, status, total, currency, idempotency_key, fingerprint, created_at)
            VALUES (\(order.id), \(order.userID), \(order.status.rawValue), \(order.total), \(order.currency),
                \(attempt?.key.text), \(attempt?.fingerprint), \(order.createdAt))
            ON CONFLICT (user_id, idempotency_key) DO NOTHING
            """)
        guard inserted == 1 else {
            guard let attempt, let found = try find(user: order.userID, key: attempt.key, in: connection) else {
                throw SQLError(.uniqueViolation, "an order was refused, and no order of its key is there")
            }
            return .exists(found.order, fingerprint: found.fingerprint)
        }
        for (position, line) in order.lines.enumerated() {
            try connection.execute(
                """
                INSERT INTO order_lines (order_id, position, product_id, name, unit_price, quantity, total)
                VALUES (\(order.id), \(position), \(line.productID), \(line.name), \(line.unitPrice),
                    \(line.quantity), \(line.total))
                """)
        }
        return .inserted
    }

    /// Ends the order as sold. Doing it twice is doing it once; an order that was cancelled stays so.
    func confirm(_ id: String, at now: Int64) async throws {
        try await database.transaction { connection in
            let changed = try connection.execute(
                """
                UPDATE orders SET status = 'confirmed', reason = NULL, ended_at = \(now)
                WHERE id = \(id) AND status = 'pending'
                """)
            if changed == 0 { try Self.expect(.confirmed, id, in: connection) }
        }
    }

    /// Ends the order as not sold, for the reason noted before, else for `reason`.
    func cancel(_ id: String, reason: String, at now: Int64) async throws {
        try await database.transaction { connection in
            let changed = try connection.execute(
                """
                UPDATE orders SET status = 'cancelled', reason = COALESCE(reason, \(reason)), ended_at = \(now)
                WHERE id = \(id) AND status = 'pending'
                """)
            if changed == 0 { try Self.expect(.cancelled, id, in: connection) }
        }
    }

    /// Writes down that the order was refused, before anything is undone for it: it never goes forward again.
    func note(_ refusal: OrderRefusal, for id: String) async throws {
        try await database.transaction { connection in
            _ = try connection.execute(
                """
                UPDATE orders SET reason = COALESCE(reason, \(refusal.reason))
                WHERE id = \(id) AND status = 'pending'
                """)
        }
    }

    /// The refusal that was noted; nil when there was none.
    func refusal(of id: String) async throws -> OrderRefusal? {
        try await database.read { connection in
            try connection.queryOne("SELECT reason FROM orders WHERE id = \(id)")?
                .decode("reason", as: String?.self).map(OrderRefusal.init)
        }
    }

    private static func expect(_ status: Order.Status, _ id: String, in connection: any SQLConnection) throws {
        let found = try connection.queryValue("SELECT status FROM orders WHERE id = \(id)", as: String.self)
        guard found == status.rawValue else { throw OrderConflict(id: id, found: found, wanted: status) }
    }
}

/// An order was to end one way and had ended another. It cannot happen, and must not be passed over if it does.
struct OrderConflict: Error, CustomStringConvertible {
    let id: String
    let found: String?
    let wanted: Order.Status

    var description: String { "order \(id) is \(found ?? "not there") and cannot become \(wanted.rawValue)" }
}
