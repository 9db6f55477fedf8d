/// The bodies of the payment service.
enum PaymentAPI {
    struct CardRequest: Codable, Sendable {
        let cardNumber: String

        enum CodingKeys: String, CodingKey {
            case cardNumber = "card_number"
        }
    }

    struct CardResponse: Codable, Hashable, Sendable {
        /// Stands for the number, for a short while.
        let cardToken: String
        let lastFour: String

        enum CodingKeys: String, CodingKey {
            case cardToken = "card_token"
            case lastFour = "last_four"
        }
    }

    struct ChargeRequest: Codable, Hashable, Sendable {
        let orderID: String
        let amount: Money
        let currency: String
        let cardToken: String

        enum CodingKeys: String, CodingKey {
            case orderID = "order_id"
            case amount
            case currency
            case cardToken = "card_token"
        }
    }

    struct ChargeResponse: Codable, Hashable, Sendable {
        let orderID: String
        let status: Charge.State
        let amount: Money
        let currency: String
        let lastFour: String

        enum CodingKeys: String, CodingKey {
            case orderID = "order_id"
            case status
            case amount
            case currency
            case lastFour = "last_four"
        }

        init(_ charge: Charge) {
            orderID = charge.orderID
            status = charge.state
            amount = charge.amount
            currency = charge.currency
            lastFour = charge.lastFour
        }
    }
}
