/// The platform at one moment, as the dashboard found it.
struct DashboardSnapshot: Sendable {
    enum Health: Sendable, Equatable {
        case up(milliseconds: Int)
        /// It answers, and says why it takes no requests.
        case unready(detail: String)
        case unreachable(detail: String)
    }

    struct Instance: Sendable {
        let id: String
        let address: String
        let health: Health
    }

    struct Service: Sendable {
        let name: String
        let instances: [Instance]
    }

    /// Milliseconds since 1970.
    let takenAt: Int64
    let services: [Service]
    let orders: Orders

    struct Orders: Sendable {
        /// Nil when the order service has not been heard of yet.
        var list: [RecentOrder]?
        /// Why the list is old or not there.
        var problem: String?
    }
}

/// An order as `GET /internal/orders/recent` tells it: no customer, no card.
struct RecentOrder: Codable, Sendable {
    let id: String
    let status: String
    let reason: String?
    let total: Int64
    let currency: String
    let lines: [OrderLine]
    let createdAt: Int64
    let steps: [OrderStep]

    enum CodingKeys: String, CodingKey {
        case id, status, reason, total, currency, lines, steps
        case createdAt = "created_at_ms"
    }
}

struct RecentOrders: Codable, Sendable {
    let orders: [RecentOrder]
}
