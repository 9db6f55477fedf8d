import ApusSQL

/// One cart inside a transaction.
struct CartBook {
    let connection: any SQLConnection
    let userID: String

    func load() throws -> Cart {
        let version: Int64? = try connection.queryValue("SELECT version FROM carts WHERE user_id = \(userID)")
        let rows = try connection.query(
            """
            SELECT product_id, quantity FROM cart_lines WHERE user_id = \(userID) ORDER BY position, product_id
            """)
        return Cart(version: version ?? 0, lines: try rows.map(Self.line))
    }

    static func line(_ row: SQLRow) throws -> Cart.Line {
        Cart.Line(productID: try row.decode("product_id"), quantity: try row.decode("quantity"))
    }

    func put(_ productID: String, quantity: Int64) throws {
        try connection.execute(
            """
            INSERT INTO cart_lines (user_id, product_id, quantity, position)
            SELECT \(userID), \(productID), \(quantity), COALESCE(MAX(position), 0) + 1
            FROM cart_lines WHERE user_id = \(userID)
            ON CONFLICT (user_id, product_id) DO UPDATE SET quantity = excluded.quantity
            """)
    }

    func remove(_ productID: String) throws -> Bool {
        try connection.execute(
            "DELETE FROM cart_lines WHERE user_id = \(userID) AND product_id = \(productID)") == 1
    }

    func clear() throws {
        try connection.execute("DELETE FROM cart_lines WHERE user_id = \(userID)")
    }

    /// Gives the cart its next version.
    func advance() throws {
        try connection.execute(
            """
            INSERT INTO carts (user_id, version) VALUES (\(userID), 1)
            ON CONFLICT (user_id) DO UPDATE SET version = carts.version + 1
            """)
    }
}
