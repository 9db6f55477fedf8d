import ApusCoordination

extension ShopPart {
    /// What the config center can change in an instance of this part, in the namespace of its name.
    var settings: [String: SettingValue] {
        switch self {
        case .user: UserTunable.all.defaults
        case .auth: AuthTunable.all.defaults
        case .inventory: InventoryTunable.all.defaults
        case .payment: PaymentTunable.all.defaults
        case .order: OrderSettings.defaults
        case .cart, .dashboard, .gateway: [:]
        }
    }
}
