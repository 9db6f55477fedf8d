/// The bodies of the inventory service.
enum InventoryAPI {
    struct ProductList: Codable, Hashable, Sendable {
        let products: [Product]
    }

    struct ReserveRequest: Codable, Hashable, Sendable {
        let orderID: String
        let lines: [Reservation.Line]

        enum CodingKeys: String, CodingKey {
            case orderID = "order_id"
            case lines
        }
    }

    struct ReservationResponse: Codable, Hashable, Sendable {
        let orderID: String
        let status: Reservation.State
        let lines: [Reservation.Line]
        /// RFC 3339; absent unless held.
        let expiresAt: String?

        enum CodingKeys: String, CodingKey {
            case orderID = "order_id"
            case status
            case lines
            case expiresAt = "expires_at"
        }

        init(_ reservation: Reservation) {
            orderID = reservation.orderID
            status = reservation.state
            lines = reservation.lines
            expiresAt = reservation.expiresAt.map { WallClock.text(milliseconds: $0) }
        }
    }
}
