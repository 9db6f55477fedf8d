import ApusResilience

/// The names of the shop's policies, and how those are built that are not as `ResiliencePolicy.Configuration.standard`.
enum ShopPolicies {
    /// Of the calls to a service, all callers of this process together: its name.
    static func calls(of part: ShopPart) -> String { part.rawValue }

    /// Of what an instance of a service lets in.
    static func host(of part: ShopPart) -> String { "\(part.rawValue)-host" }

    /// Names and prices in a cart that is only looked at.
    static let cartPrices = "cart-prices"
    /// The list of orders on the page.
    static let dashboardOrders = "dashboard-orders"

    /// Of the client below all calls: each service has one of its own, all set alike.
    static let serviceClient = "service-client"

    /// Of the steps of all orders: only the retry budget is a matter of settings.
    static let orderSteps = "order-steps"

    static let names =
        ShopPart.services.flatMap { [calls(of: $0), host(of: $0)] } + [
            cartPrices, dashboardOrders, serviceClient, orderSteps,
        ]

    /// For what has something else to show: whoever looks does not wait for long. The calls below have policies of their
    /// own.
    static let display = ResiliencePolicy.Configuration(deadline: .seconds(2))
}
