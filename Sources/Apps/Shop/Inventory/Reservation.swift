import ApusSQL

/// Stock that is set aside for one order.
struct Reservation: Hashable, Sendable {
    enum State: String, Codable, Sendable, SQLBindable, SQLDecodable {
        /// Set aside until the lease ends. → committed, released, expired.
        case held
        /// Sold. → released, when the order is undone after all.
        case committed
        /// The lease ended and the stock went back. → held or committed, if the stock is still there; released.
        case expired
        /// Undone for good, possibly before it was made: whatever arrives late is refused.
        case released
    }

    struct Line: Codable, Hashable, Sendable {
        let productID: String
        let quantity: Int64

        enum CodingKeys: String, CodingKey {
            case productID = "product_id"
            case quantity
        }
    }

    let orderID: String
    let state: State
    /// Sorted by product.
    let lines: [Line]
    /// When the lease ends, in milliseconds since 1970; nil unless held.
    let expiresAt: Int64?
}
