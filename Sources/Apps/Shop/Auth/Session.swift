/// A login, from its first tokens to its end; all its tokens die with it.
struct Session: Hashable, Sendable {
    let id: String
    let userID: String
    /// When the last access token that was issued expires, in milliseconds since 1970.
    let accessExpiresAt: Int64
}
