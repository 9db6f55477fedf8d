import ApusPrimitives

/// Who may log in, and what they are.
struct AuthUser: Hashable, Sendable {
    static let root = "root"

    let name: String
    /// What bcrypt made of the password, in its text form; empty for a user who logs in by certificate alone.
    var passwordHash: Bytes
    var hasNoPassword: Bool
    /// In order, each once.
    private(set) var roles: [String] = []

    init(name: String, passwordHash: Bytes, hasNoPassword: Bool, roles: [String] = []) {
        self.name = name
        self.passwordHash = passwordHash
        self.hasNoPassword = hasNoPassword
        self.roles = Set(roles).sorted(by: AuthUser.precedes)
    }

    var isRoot: Bool { roles.contains(AuthRole.root) }

    /// Returns whether that was news.
    mutating func grant(_ role: String) -> Bool {
        guard !roles.contains(role) else { return false }
        roles.append(role)
        roles.sort(by: AuthUser.precedes)
        return true
    }

    /// Returns whether the user had it.
    mutating func revoke(_ role: String) -> Bool {
        guard let index = roles.firstIndex(of: role) else { return false }
        roles.remove(at: index)
        return true
    }

    /// As etcd orders names: by their bytes.
    static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
