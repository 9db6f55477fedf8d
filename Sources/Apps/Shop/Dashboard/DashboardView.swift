/// What the page shows, in words: the names are those of the template.
struct DashboardView: Sendable {
    struct Service: Sendable {
        let name: String
        let count: String
        let instances: [Instance]
    }

    struct Instance: Sendable {
        let id: String
        let address: String
        /// `up`, `unready` or `down`.
        let state: String
        let stateText: String
        let mark: String
        let detail: String?
    }

    struct Order: Sendable {
        let id: String
        let status: String
        let total: String
        let createdAt: String
        let age: String
        let lines: String
        let reason: String?
        let steps: [Step]
    }

    struct Step: Sendable {
        let name: String
        let phase: String
        let phaseText: String
        let mark: String
    }

    var health: String
    var summary: String
    var ordersSummary: String
    var now: String
    var nowText: String
    var services: [Service]
    var orders: [Order]
    /// Why there is no list of orders, when the order service could not be asked.
    var ordersProblem: String?

    var noOrders: Bool
}
