/// The bodies of the cart service.
enum CartAPI {
    struct AddRequest: Codable, Hashable, Sendable {
        let productID: String
        let quantity: Int64

        enum CodingKeys: String, CodingKey {
            case productID = "product_id"
            case quantity
        }
    }

    /// A line at the price of this moment.
    struct Line: Codable, Hashable, Sendable {
        let productID: String
        let name: String
        let unitPrice: Money
        let quantity: Int64
        let total: Money

        enum CodingKeys: String, CodingKey {
            case productID = "product_id"
            case name
            case unitPrice = "unit_price"
            case quantity
            case total
        }
    }

    struct CartResponse: Codable, Hashable, Sendable {
        let lines: [Line]
        let total: Money
        let currency: String
        let version: Int64
        /// True when the inventory did not answer: names and prices are those it told of last. Absent otherwise.
        var degraded: Bool?
        /// Since when they may be old (RFC 3339), in a degraded answer.
        var pricedAt: String?

        enum CodingKeys: String, CodingKey {
            case lines, total, currency, version, degraded
            case pricedAt = "priced_at"
        }
    }

    struct CheckoutRequest: Codable, Hashable, Sendable {
        let orderID: String
        let version: Int64

        enum CodingKeys: String, CodingKey {
            case orderID = "order_id"
            case version
        }
    }

    struct CheckoutResponse: Codable, Hashable, Sendable {
        let orderID: String
        let lines: [Cart.Line]

        enum CodingKeys: String, CodingKey {
            case orderID = "order_id"
            case lines
        }
    }

    struct RestoreRequest: Codable, Hashable, Sendable {
        let orderID: String

        enum CodingKeys: String, CodingKey {
            case orderID = "order_id"
        }
    }

    struct RestoreResponse: Codable, Hashable, Sendable {
        let orderID: String
        let version: Int64

        enum CodingKeys: String, CodingKey {
            case orderID = "order_id"
            case version
        }
    }
}
