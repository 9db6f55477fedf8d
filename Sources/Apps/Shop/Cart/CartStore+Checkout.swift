import ApusSQL

extension CartStore {
    enum CheckoutOutcome: Hashable, Sendable {
        /// These lines belong to the order now.
        case taken([Cart.Line])
        /// The cart is not what the order saw; this is its version now.
        case changed(version: Int64)
        case empty
        /// The order was undone before its checkout arrived.
        case restored
        /// Another user's order has this identifier.
        case foreign
    }

    /// Moves the lines of the cart to an order; once for an order, however often it is asked.
    ///
    /// - Parameter version: the version of the cart that the order was made from.
    func checkout(
        orderID: String, userID: String, version: Int64, now: Int64
    ) async throws -> CheckoutOutcome {
        try await database.transaction { connection in
            if let found = try Self.find(orderID, connection) {
                guard found.userID == userID else { return .foreign }
                return found.isRestored ? .restored : .taken(try Self.lines(of: orderID, connection))
            }
            let book = CartBook(connection: connection, userID: userID)
            let cart = try book.load()
            guard cart.version == version else { return .changed(version: cart.version) }
            guard !cart.lines.isEmpty else { return .empty }
            try Self.insert(orderID, userID: userID, state: "taken", now: now, connection)
            try connection.execute(
                """
                INSERT INTO checkout_lines (order_id, product_id, quantity, position)
                SELECT \(orderID), product_id, quantity, position FROM cart_lines WHERE user_id = \(userID)
                """)
            try book.clear()
            try book.advance()
            return .taken(cart.lines)
        }
    }

    enum RestoreOutcome: Hashable, Sendable {
        /// The lines are in the cart again, or there was nothing to put back.
        case done(Cart)
        /// Another user's order has this identifier.
        case foreign
    }

    /// Puts the lines of an order back, and refuses a checkout of it that may still arrive.
    ///
    /// What its owner has put into the cart meanwhile stays; what exceeds the limits of a cart is left out.
    func restore(orderID: String, userID: String, now: Int64) async throws -> RestoreOutcome {
        try await database.transaction { connection in
            let book = CartBook(connection: connection, userID: userID)
            guard let found = try Self.find(orderID, connection) else {
                try Self.insert(orderID, userID: userID, state: "restored", now: now, connection)
                return .done(try book.load())
            }
            guard found.userID == userID else { return .foreign }
            guard !found.isRestored else { return .done(try book.load()) }
            try connection.execute("UPDATE checkouts SET state = 'restored' WHERE order_id = \(orderID)")
            try Self.merge(try Self.lines(of: orderID, connection), into: book)
            try book.advance()
            return .done(try book.load())
        }
    }

    private static func merge(_ lines: [Cart.Line], into book: CartBook) throws {
        let cart = try book.load()
        var count = cart.lines.count
        for line in lines {
            if let present = cart.lines.first(where: { $0.productID == line.productID }) {
                try book.put(line.productID, quantity: min(Cart.maxQuantity, present.quantity + line.quantity))
            } else if count < Cart.maxLines {
                try book.put(line.productID, quantity: line.quantity)
                count += 1
            }
        }
    }

    private static func find(
        _ orderID: String, _ connection: any SQLConnection
    ) throws -> (userID: String, isRestored: Bool)? {
        let row = try connection.queryOne("SELECT user_id, state FROM checkouts WHERE order_id = \(orderID)")
        guard let row else { return nil }
        return (try row.decode("user_id"), try row.decode("state", as: String.self) == "restored")
    }

    private static func lines(of orderID: String, _ connection: any SQLConnection) throws -> [Cart.Line] {
        try connection.query(
            "SELECT product_id, quantity FROM checkout_lines WHERE order_id = \(orderID) ORDER BY position, product_id"
        ).map(CartBook.line)
    }

    private static func insert(
        _ orderID: String, userID: String, state: String, now: Int64, _ connection: any SQLConnection
    ) throws {
        try connection.execute(
            """
            INSERT INTO checkouts (order_id, user_id, state, created_at)
            VALUES (\(orderID), \(userID), \(state), \(now))
            """)
    }
}
