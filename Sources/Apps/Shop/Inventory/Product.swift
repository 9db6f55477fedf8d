/// Something the shop sells, and how much of it there is.
struct Product: Codable, Hashable, Sendable {
    let id: String
    let name: String
    let description: String
    let price: Money
    let currency: String
    /// Pieces that may still be reserved.
    let available: Int64
}
