/// Somebody who may order.
struct User: Hashable, Sendable {
    let id: String
    let name: String
    /// Trimmed and lowercase; unique.
    let email: String
    /// Milliseconds since 1970.
    let createdAt: Int64
}
