import ApusSQL

/// Stock and reservations inside one transaction.
struct ReservationBook {
    /// Where a piece of stock is; every piece is in exactly one place.
    enum Place: String {
        case available
        case reserved
        case sold
    }

    /// The database holds less in a place than was moved out of it: a reservation and its product disagree.
    struct Inconsistent: Error {
        let productID: String
    }

    struct Found {
        let state: Reservation.State
        let token: Int64
        let expiresAt: Int64?
        let lines: [Reservation.Line]
    }

    let connection: any SQLConnection
    /// Milliseconds since 1970.
    let now: Int64

    func find(_ orderID: String) throws -> Found? {
        let row = try connection.queryOne(
            "SELECT state, fencing_token, expires_at FROM reservations WHERE order_id = \(orderID)")
        guard let row else { return nil }
        return Found(
            state: try row.decode("state"), token: try row.decode("fencing_token"),
            expiresAt: try row.decode("expires_at"), lines: try lines(of: orderID))
    }

    func lines(of orderID: String) throws -> [Reservation.Line] {
        try connection.query(
            """
            SELECT product_id, quantity FROM reservation_lines WHERE order_id = \(orderID) ORDER BY product_id
            """
        ).map { Reservation.Line(productID: try $0.decode("product_id"), quantity: try $0.decode("quantity")) }
    }

    /// Why `lines` cannot be taken from what is available; nil when they can.
    func obstacle(to lines: [Reservation.Line]) throws -> ReservationOutcome? {
        for line in lines {
            let available: Int64? = try connection.queryValue(
                "SELECT available FROM products WHERE id = \(line.productID)")
            guard let available else { return .unknownProduct(line.productID) }
            guard available >= line.quantity else {
                return .outOfStock(
                    .init(productID: line.productID, requested: line.quantity, available: available))
            }
        }
        return nil
    }

    /// - Throws: `Inconsistent`, which rolls everything back.
    func move(_ lines: [Reservation.Line], from source: Place, to target: Place) throws {
        for line in lines {
            let moved = try connection.execute(
                """
                UPDATE products SET \(raw: source.rawValue) = \(raw: source.rawValue) - \(line.quantity),
                    \(raw: target.rawValue) = \(raw: target.rawValue) + \(line.quantity)
                WHERE id = \(line.productID) AND \(raw: source.rawValue) >= \(line.quantity)
                """)
            guard moved == 1 else { throw Inconsistent(productID: line.productID) }
        }
    }

    func save(_ reservation: Reservation, token: Int64, isNew: Bool) throws {
        let (id, state) = (reservation.orderID, reservation.state)
        let expiresAt = reservation.expiresAt.map { SQLValue.integer($0) } ?? .null
        guard isNew else {
            try connection.execute(
                """
                UPDATE reservations SET state = \(state), fencing_token = \(token), expires_at = \(expiresAt),
                    updated_at = \(now) WHERE order_id = \(id)
                """)
            return
        }
        try connection.execute(
            """
            INSERT INTO reservations (order_id, state, fencing_token, expires_at, updated_at)
            VALUES (\(id), \(state), \(token), \(expiresAt), \(now))
            """)
        for line in reservation.lines {
            try connection.execute(
                """
                INSERT INTO reservation_lines (order_id, product_id, quantity)
                VALUES (\(id), \(line.productID), \(line.quantity))
                """)
        }
    }
}
