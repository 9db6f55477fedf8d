/// What the saga of an order must know to run without asking again: written once, with the order.
///
/// It holds a token for the card, never its number.
struct OrderSagaState: Codable, Sendable, Equatable {
    struct Line: Codable, Sendable, Equatable {
        let productID: String
        let quantity: Int64

        enum CodingKeys: String, CodingKey {
            case productID = "product_id"
            case quantity
        }
    }

    let orderID: String
    let userID: String
    let cartVersion: Int64
    let lines: [Line]
    let total: Int64
    let currency: String
    let cardToken: String
}
