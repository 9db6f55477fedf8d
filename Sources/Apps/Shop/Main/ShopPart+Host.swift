import ApusHosting

extension ShopPart {
    /// Builds an instance of this part.
    func makeHost(_ platform: ShopPlatform) async throws -> ServiceHost {
        switch self {
        case .user: try await UserHost.make(platform)
        case .auth: try await AuthHost.make(platform)
        case .cart: try await CartHost.make(platform)
        case .inventory: try await InventoryHost.make(platform)
        case .payment: try await PaymentHost.make(platform)
        case .order: try await OrderHost.make(platform)
        case .dashboard: try DashboardHost.make(platform)
        case .gateway: preconditionFailure("the gateway is no service")
        }
    }
}
