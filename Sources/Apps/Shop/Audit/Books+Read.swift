import ApusSQL

extension Books {
    /// Reads what all services have written down.
    init(_ copy: AuditCopy) async throws {
        for file in AuditCopy.File.allCases {
            do {
                try await read(file, copy.database(file))
            } catch {
                throw AuditCopy.Failure(description: "\(file.rawValue) cannot be read: \(error)")
            }
        }
    }

    private mutating func read(_ file: AuditCopy.File, _ database: SQLiteDatabase) async throws {
        let verdicts = try await database.read { connection in
            try connection.query("PRAGMA quick_check").map { try $0.decode(at: 0, as: String.self) }
        }
        for verdict in verdicts where verdict != "ok" {
            damages.append(Discrepancy(subject: "file \(file.rawValue)", text: verdict))
        }
        switch file {
        case .user: try await readUsers(database)
        case .inventory: try await readInventory(database)
        case .payment: try await readPayments(database)
        case .cart: try await readCarts(database)
        case .order: try await readOrders(database)
        }
    }

    private mutating func readUsers(_ database: SQLiteDatabase) async throws {
        users = try await database.read { connection in
            Set(try connection.query("SELECT id FROM users").map { try $0.decode("id", as: String.self) })
        }
    }

    private mutating func readInventory(_ database: SQLiteDatabase) async throws {
        (products, reservations) = try await database.read { connection in
            let products = try connection.query("SELECT * FROM products ORDER BY position, id").map { row in
                Product(
                    id: try row.decode("id"), initial: try row.decode("initial"),
                    available: try row.decode("available"), reserved: try row.decode("reserved"),
                    sold: try row.decode("sold"))
            }
            let lines = try Self.lines("reservation_lines", in: connection)
            let reservations = try connection.query(
                "SELECT order_id, state FROM reservations ORDER BY order_id"
            ).map { row in
                let id = try row.decode("order_id", as: String.self)
                return Reservation(orderID: id, state: try row.decode("state"), quantities: lines[id] ?? [:])
            }
            return (products, reservations)
        }
    }

    private mutating func readPayments(_ database: SQLiteDatabase) async throws {
        (charges, ledger) = try await database.read { connection in
            let charges = try connection.query("SELECT order_id, state FROM charges ORDER BY order_id").map { row in
                Charge(orderID: try row.decode("order_id"), state: try row.decode("state"))
            }
            let ledger = try connection.query("SELECT order_id, amount, currency FROM ledger ORDER BY order_id").map {
                LedgerEntry(
                    orderID: try $0.decode("order_id"), amount: try $0.decode("amount"),
                    currency: try $0.decode("currency"))
            }
            return (charges, ledger)
        }
    }

    private mutating func readCarts(_ database: SQLiteDatabase) async throws {
        checkouts = try await database.read { connection in
            let lines = try Self.lines("checkout_lines", in: connection)
            return try connection.query("SELECT order_id, user_id, state FROM checkouts ORDER BY order_id").map { row in
                let id = try row.decode("order_id", as: String.self)
                return Checkout(
                    orderID: id, userID: try row.decode("user_id"), state: try row.decode("state"),
                    quantities: lines[id] ?? [:])
            }
        }
    }

    private mutating func readOrders(_ database: SQLiteDatabase) async throws {
        (orders, sagas) = try await database.read { connection in
            let lines = try Self.lines("order_lines", in: connection)
            var totals: [String: Int64] = [:]
            for row in try connection.query("SELECT order_id, total FROM order_lines") {
                totals[try row.decode("order_id"), default: 0].add(try row.decode("total"))
            }
            let orders = try connection.query("SELECT * FROM orders ORDER BY id").map { row in
                let id = try row.decode("id", as: String.self)
                return Order(
                    id: id, userID: try row.decode("user_id"), status: try row.decode("status"),
                    total: try row.decode("total"), currency: try row.decode("currency"),
                    idempotencyKey: try row.decode("idempotency_key"), lineTotal: totals[id] ?? 0,
                    quantities: lines[id] ?? [:])
            }
            let sagas = try connection.query("SELECT id, phase FROM apus_sagas ORDER BY id").map { row in
                Saga(id: try row.decode("id"), phase: try row.decode("phase"))
            }
            return (orders, sagas)
        }
    }

    /// The quantities of each order in a table of `order_id`, `product_id` and `quantity`.
    private static func lines(_ table: String, in connection: any SQLConnection) throws -> [String: Quantities] {
        var lines: [String: Quantities] = [:]
        for row in try connection.query("SELECT order_id, product_id, quantity FROM \(raw: table)") {
            lines[try row.decode("order_id"), default: [:]][try row.decode("product_id"), default: 0]
                .add(try row.decode("quantity"))
        }
        return lines
    }
}
