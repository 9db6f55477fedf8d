/// What somebody means to buy: products and quantities; names and prices are the inventory's.
struct Cart: Hashable, Sendable {
    struct Line: Codable, Hashable, Sendable {
        let productID: String
        let quantity: Int64

        enum CodingKeys: String, CodingKey {
            case productID = "product_id"
            case quantity
        }
    }

    /// The most different products in one cart.
    static let maxLines = 100
    /// The most pieces of one product in a cart.
    static let maxQuantity: Int64 = 1000

    /// Grows with every change. An order names the version it saw, so that it never buys what its owner did not see.
    let version: Int64
    /// Oldest first.
    let lines: [Line]

    static let empty = Cart(version: 0, lines: [])
}
