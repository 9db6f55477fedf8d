import ApusEtcdAPI
import ApusPrimitives

/// Users, roles and who may do what, as a value: etcd's rules, checks and texts (its server/auth/store.go), replicated like the
/// keys.
///
/// A new one is "auth is off: everybody may do everything". What each member knows beside, the tokens of those who logged in,
/// is in `tokens`; all copies of a store share it.
struct AuthStore: Sendable {
    /// Bytes that are no command or no snapshot.
    struct Malformed: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) {
            self.description = "auth: \(description)"
        }
    }

    let tokens: AuthTokens
    var isEnabled = false
    /// Grows with every change of users, roles and permissions. A request that was let in at an earlier one is refused, for
    /// its caller may have lost the right since.
    var revision: UInt64 = 1
    /// Log-ins so far: each token has its number.
    var logins: UInt64 = 0
    var users: [String: AuthUser] = [:]
    var roles: [String: AuthRole] = [:]

    init(tokens: AuthTokens = AuthTokens()) {
        self.tokens = tokens
    }

    /// In the order of their names, like `sortedRoles`.
    var sortedUsers: [AuthUser] { users.values.sorted { AuthUser.precedes($0.name, $1.name) } }
    var sortedRoles: [AuthRole] { roles.values.sorted { AuthUser.precedes($0.name, $1.name) } }
}
