import ApusSQL

extension OrderStore {
    /// - Returns: nil when there is no such order, or it is another user's.
    func order(_ id: String, of user: String) async throws -> Order? {
        try await database.read { connection in
            let rows = try connection.query(
                "SELECT * FROM orders WHERE id = \(id) AND user_id = \(user)")
            return try Self.orders(rows, in: connection).first
        }
    }

    func order(of user: String, key: IdempotencyKey) async throws -> (order: Order, fingerprint: [UInt8])? {
        try await database.read { try Self.find(user: user, key: key, in: $0) }
    }

    /// The user's orders, newest first, older than the order `before`.
    func orders(of user: String, before: String?, limit: Int) async throws -> [Order] {
        try await database.read { connection in
            let rows =
                if let before {
                    try connection.query(
                        """
                        SELECT * FROM orders WHERE user_id = \(user) AND id < \(before)
                        ORDER BY id DESC LIMIT \(limit)
                        """)
                } else {
                    try connection.query(
                        "SELECT * FROM orders WHERE user_id = \(user) ORDER BY id DESC LIMIT \(limit)")
                }
            return try Self.orders(rows, in: connection)
        }
    }

    /// Everybody's orders, newest first.
    func recent(limit: Int) async throws -> [Order] {
        try await database.read { connection in
            let rows = try connection.query("SELECT * FROM orders ORDER BY id DESC LIMIT \(limit)")
            return try Self.orders(rows, in: connection)
        }
    }

    /// How many orders have no end yet, counted no further than `limit`.
    func pendingCount(upTo limit: Int) async throws -> Int {
        try await database.read { connection in
            try connection.queryValue(
                """
                SELECT COUNT(*) FROM (SELECT id FROM orders WHERE status = 'pending' LIMIT \(limit)) AS open
                """) ?? 0
        }
    }

    static func find(
        user: String, key: IdempotencyKey, in connection: any SQLConnection
    ) throws -> (order: Order, fingerprint: [UInt8])? {
        let rows = try connection.query(
            "SELECT * FROM orders WHERE user_id = \(user) AND idempotency_key = \(key.text)")
        guard let order = try orders(rows, in: connection).first else { return nil }
        return (order, try rows[0].decode("fingerprint"))
    }

    private static func orders(_ rows: [SQLRow], in connection: any SQLConnection) throws -> [Order] {
        let ids = try rows.map { try $0.decode("id", as: String.self) }
        guard !ids.isEmpty else { return [] }
        var lines: [String: [OrderLine]] = [:]
        let lineRows = try connection.query(
            "SELECT * FROM order_lines WHERE order_id IN (\(list: ids)) ORDER BY order_id, position")
        for row in lineRows {
            lines[try row.decode("order_id"), default: []].append(try line(row))
        }
        return try zip(rows, ids).map { row, id in
            Order(
                id: id, userID: try row.decode("user_id"), status: try status(row), reason: try row.decode("reason"),
                total: try row.decode("total"), currency: try row.decode("currency"), lines: lines[id] ?? [],
                createdAt: try row.decode("created_at"))
        }
    }

    private static func status(_ row: SQLRow) throws -> Order.Status {
        let text = try row.decode("status", as: String.self)
        guard let status = Order.Status(rawValue: text) else {
            throw SQLError(.corrupt, "an order has the status '\(text)'")
        }
        return status
    }

    private static func line(_ row: SQLRow) throws -> OrderLine {
        OrderLine(
            productID: try row.decode("product_id"), name: try row.decode("name"),
            unitPrice: try row.decode("unit_price"), quantity: try row.decode("quantity"),
            total: try row.decode("total"))
    }
}
