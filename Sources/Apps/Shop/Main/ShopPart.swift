/// What a `shop` process can run: six services, the page and the door in front of them.
enum ShopPart: String, CaseIterable, Sendable {
    case user, auth, cart, inventory, payment, order, dashboard, gateway

    /// Every part that registers itself and may run several instances: all but the gateway, which owns the one port.
    static let services = allCases.filter { $0 != .gateway }

    static let names = allCases.map(\.rawValue).joined(separator: ", ")
}
