import ApusRPC
import ApusTransactions

extension OrderService {
    struct Page: Sendable {
        let orders: [Order]
        /// The cursor of the next page; nil on the last one.
        let next: String?
    }

    /// The user's orders, newest first.
    ///
    /// - Parameter cursor: `Page.next` of the page before; nil for the first one.
    func orders(of user: String, limit: Int, after cursor: String?) async throws -> Page {
        // One more than asked tells whether there is another page.
        var orders = try await store.orders(of: user, before: cursor, limit: limit + 1)
        guard orders.count > limit else { return Page(orders: orders, next: nil) }
        orders.removeLast()
        return Page(orders: orders, next: orders.last?.id)
    }

    /// - Throws: `Problem` 404, also when the order is another user's: not even its existence is told.
    func order(_ id: String, of user: String) async throws -> (order: Order, steps: [OrderStep]) {
        guard let order = try await store.order(id, of: user) else { throw Problem.notFound("There is no such order.") }
        return (order, try await steps(of: id))
    }

    /// Everybody's last orders, without who they are from.
    func recent(limit: Int) async throws -> RecentOrders {
        var recent: [RecentOrder] = []
        for order in try await store.recent(limit: limit) {
            recent.append(
                RecentOrder(
                    id: order.id, status: order.status.rawValue, reason: order.reason, total: order.total,
                    currency: order.currency, lines: order.lines, createdAt: order.createdAt,
                    steps: try await steps(of: order.id)))
        }
        return RecentOrders(orders: recent)
    }

    private func steps(of id: String) async throws -> [OrderStep] {
        try await coordinator.status(of: id)?.steps.map(OrderStep.init) ?? []
    }
}
