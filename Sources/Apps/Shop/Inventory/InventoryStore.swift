import ApusSQL

/// The rows of the inventory: stock, and what of it is set aside for whom.
struct InventoryStore: Sendable {
    let database: any SQLDatabase

    /// `initial = available + reserved + sold` holds in every row at every moment: the database checks it.
    static let migrations = [
        SQLMigration(
            "products", group: "inventory",
            statements: [
                """
                CREATE TABLE products (
                    id TEXT PRIMARY KEY,
                    name TEXT NOT NULL,
                    description TEXT NOT NULL,
                    price BIGINT NOT NULL CHECK (price >= 0),
                    currency TEXT NOT NULL,
                    position BIGINT NOT NULL,
                    initial BIGINT NOT NULL CHECK (initial >= 0),
                    available BIGINT NOT NULL CHECK (available >= 0),
                    reserved BIGINT NOT NULL CHECK (reserved >= 0),
                    sold BIGINT NOT NULL CHECK (sold >= 0),
                    CHECK (initial = available + reserved + sold)
                )
                """
            ]),
        SQLMigration(
            "reservations", group: "inventory",
            statements: [
                """
                CREATE TABLE reservations (
                    order_id TEXT PRIMARY KEY,
                    state TEXT NOT NULL CHECK (state IN ('held', 'committed', 'expired', 'released')),
                    fencing_token BIGINT NOT NULL,
                    expires_at BIGINT,
                    updated_at BIGINT NOT NULL
                )
                """,
                """
                CREATE TABLE reservation_lines (
                    order_id TEXT NOT NULL,
                    product_id TEXT NOT NULL,
                    quantity BIGINT NOT NULL CHECK (quantity > 0),
                    PRIMARY KEY (order_id, product_id)
                )
                """,
                "CREATE INDEX reservations_by_expiry ON reservations (expires_at) WHERE state = 'held'",
            ]),
        SQLMigration("catalogue", group: "inventory") { connection in
            for (position, entry) in Catalogue.entries.enumerated() {
                try connection.execute(
                    """
                    INSERT INTO products
                        (id, name, description, price, currency, position, initial, available, reserved, sold)
                    VALUES (\(entry.id), \(entry.name), \(entry.description), \(entry.price), \(Money.currency),
                        \(position), \(entry.stock), \(entry.stock), 0, 0)
                    """)
            }
        },
    ]

    func products() async throws -> [Product] {
        try await database.read { connection in
            try connection.query(
                """
                SELECT id, name, description, price, currency, available FROM products
                ORDER BY position, id LIMIT \(Catalogue.maxProducts)
                """
            ).map(Self.product)
        }
    }

    /// Those of `ids` that exist, in no particular order.
    func products(ids: [String]) async throws -> [Product] {
        try await database.read { connection in
            try connection.query(
                """
                SELECT id, name, description, price, currency, available FROM products WHERE id IN (\(list: ids))
                """
            ).map(Self.product)
        }
    }

    private static func product(_ row: SQLRow) throws -> Product {
        Product(
            id: try row.decode("id"), name: try row.decode("name"), description: try row.decode("description"),
            price: try row.decode("price"), currency: try row.decode("currency"),
            available: try row.decode("available"))
    }
}
