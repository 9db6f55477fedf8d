/// A sale: what was bought, at the prices of that moment, and how far it has come.
struct Order: Sendable, Equatable {
    enum Status: String, Sendable, Codable, CaseIterable {
        /// Accepted; its saga runs. Becomes `confirmed` or `cancelled`.
        case pending
        /// Paid, and its goods have left the stock. Final.
        case confirmed
        /// Nothing was sold: no money kept, no goods held, the cart given back. Final.
        case cancelled
    }

    let id: String
    let userID: String
    var status: Status
    /// Why it was cancelled, for the customer to read.
    var reason: String?
    /// In minor units of `currency`.
    let total: Int64
    let currency: String
    let lines: [OrderLine]
    /// Milliseconds since 1970.
    let createdAt: Int64
}

/// A product of an order, as the cart named and priced it when the order was made.
struct OrderLine: Codable, Sendable, Equatable {
    let productID: String
    let name: String
    let unitPrice: Int64
    let quantity: Int64
    let total: Int64

    enum CodingKeys: String, CodingKey {
        case name, quantity, total
        case productID = "product_id"
        case unitPrice = "unit_price"
    }

    /// The price times the quantity is the total, and none of it is negative or too large to add up.
    var isSound: Bool {
        let (product, overflow) = unitPrice.multipliedReportingOverflow(by: quantity)
        return unitPrice >= 0 && quantity > 0 && !overflow && product == total
    }
}
