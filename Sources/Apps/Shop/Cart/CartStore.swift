import ApusSQL

/// The rows of the cart service.
struct CartStore: Sendable {
    let database: any SQLDatabase

    static let migrations = [
        SQLMigration(
            "carts", group: "cart",
            statements: [
                """
                CREATE TABLE carts (
                    user_id TEXT PRIMARY KEY,
                    version BIGINT NOT NULL
                )
                """,
                """
                CREATE TABLE cart_lines (
                    user_id TEXT NOT NULL,
                    product_id TEXT NOT NULL,
                    quantity BIGINT NOT NULL CHECK (quantity > 0),
                    position BIGINT NOT NULL,
                    PRIMARY KEY (user_id, product_id)
                )
                """,
                """
                CREATE TABLE checkouts (
                    order_id TEXT PRIMARY KEY,
                    user_id TEXT NOT NULL,
                    state TEXT NOT NULL CHECK (state IN ('taken', 'restored')),
                    created_at BIGINT NOT NULL
                )
                """,
                """
                CREATE TABLE checkout_lines (
                    order_id TEXT NOT NULL,
                    product_id TEXT NOT NULL,
                    quantity BIGINT NOT NULL CHECK (quantity > 0),
                    position BIGINT NOT NULL,
                    PRIMARY KEY (order_id, product_id)
                )
                """,
            ])
    ]

    func cart(of userID: String) async throws -> Cart {
        try await database.read { try CartBook(connection: $0, userID: userID).load() }
    }

    enum AddOutcome: Hashable, Sendable {
        case changed(Cart)
        /// The cart would hold this many pieces of the product.
        case tooMany(Int64)
        case full
    }

    func add(_ quantity: Int64, of productID: String, to userID: String) async throws -> AddOutcome {
        try await database.transaction { connection in
            let book = CartBook(connection: connection, userID: userID)
            let cart = try book.load()
            if let line = cart.lines.first(where: { $0.productID == productID }) {
                let (sum, overflow) = line.quantity.addingReportingOverflow(quantity)
                guard !overflow, sum <= Cart.maxQuantity else { return .tooMany(overflow ? .max : sum) }
                try book.put(productID, quantity: sum)
            } else {
                guard cart.lines.count < Cart.maxLines else { return .full }
                try book.put(productID, quantity: quantity)
            }
            try book.advance()
            return .changed(try book.load())
        }
    }

    /// False when the cart has no such line.
    func remove(_ productID: String, from userID: String) async throws -> Bool {
        try await database.transaction { connection in
            let book = CartBook(connection: connection, userID: userID)
            guard try book.remove(productID) else { return false }
            try book.advance()
            return true
        }
    }
}
