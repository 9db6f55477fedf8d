import ApusEtcdAPI
import ApusPrimitives

extension AuthStore {
    /// Applies what the log recorded; the same on every member.
    mutating func apply(_ command: AuthCommand, _ caller: Caller?) throws(EtcdError) -> AuthResponse {
        if command.needsRoot { try checkRoot(caller) }
        switch command {
        case .enable: try enable()
        case .disable: disable()
        case .authenticate(let user, let digest):
            return .authenticated(number: try authenticate(user, digest, caller))
        case .addUser(let name, let hash, let hasNoPassword):
            try addUser(name, hash, hasNoPassword: hasNoPassword)
        case .deleteUser(let name): try deleteUser(name)
        case .changePassword(let name, let hash): try changePassword(of: name, hash)
        case .grantRole(let user, let role): try grant(role, to: user)
        case .revokeRole(let user, let role): try revoke(role, from: user)
        case .addRole(let name): try addRole(name)
        case .deleteRole(let name): try deleteRole(name)
        case .grantPermission(let role, let permission): try grant(permission, to: role)
        case .revokePermission(let role, let key, let rangeEnd):
            try revokePermission(from: role, key: key, rangeEnd: rangeEnd)
        }
        return .done
    }

    private mutating func enable() throws(EtcdError) {
        guard !isEnabled else { return }
        guard let root = users[AuthUser.root] else { throw .rootUserMissing }
        guard root.isRoot else { throw .rootRoleMissing }
        isEnabled = true
        publish()
    }

    private mutating func disable() {
        guard isEnabled else { return }
        isEnabled = false
        changed()
        tokens.removeAll()
    }

    private mutating func authenticate(
        _ name: String, _ digest: Bytes, _ checked: Caller?
    ) throws(EtcdError) -> UInt64 {
        guard isEnabled else { throw .authNotEnabled }
        guard let user = users[name], !user.hasNoPassword else { throw .authenticationFailed }
        // The password may be another by now.
        guard checked?.authRevision == revision else { throw .oldAuthRevision }
        logins += 1
        tokens.assign(digest, number: logins, to: name)
        return logins
    }

    private mutating func addUser(_ name: String, _ hash: Bytes, hasNoPassword: Bool) throws(EtcdError) {
        guard !name.isEmpty else { throw .userEmpty }
        guard users[name] == nil else { throw .userExists }
        users[name] = AuthUser(name: name, passwordHash: hasNoPassword ? .empty : hash, hasNoPassword: hasNoPassword)
        changed()
    }

    private mutating func deleteUser(_ name: String) throws(EtcdError) {
        if isEnabled, name == AuthUser.root { throw .invalidAuthManagement }
        guard users.removeValue(forKey: name) != nil else { throw .userNotFound }
        changed()
        tokens.invalidate(user: name)
    }

    private mutating func changePassword(of name: String, _ hash: Bytes) throws(EtcdError) {
        guard var user = users[name] else { throw .userNotFound }
        user.passwordHash = user.hasNoPassword ? .empty : hash
        users[name] = user
        changed()
        tokens.invalidate(user: name)
    }

    private mutating func grant(_ role: String, to name: String) throws(EtcdError) {
        guard var user = users[name] else { throw .userNotFound }
        guard role == AuthRole.root || roles[role] != nil else { throw .roleNotFound }
        guard user.grant(role) else { return }
        users[name] = user
        changed()
    }

    private mutating func revoke(_ role: String, from name: String) throws(EtcdError) {
        if isEnabled, name == AuthUser.root, role == AuthRole.root { throw .invalidAuthManagement }
        guard var user = users[name] else { throw .userNotFound }
        guard user.revoke(role) else { throw .roleNotGranted }
        users[name] = user
        changed()
    }

    private mutating func addRole(_ name: String) throws(EtcdError) {
        guard !name.isEmpty else { throw .roleEmpty }
        guard roles[name] == nil else { throw .roleExists }
        roles[name] = AuthRole(name: name)
        changed()
    }

    private mutating func deleteRole(_ name: String) throws(EtcdError) {
        if isEnabled, name == AuthRole.root { throw .invalidAuthManagement }
        guard roles.removeValue(forKey: name) != nil else { throw .roleNotFound }
        for var user in sortedUsers where user.revoke(name) { users[user.name] = user }
        changed()
    }

    private mutating func grant(_ permission: AuthPermission?, to name: String) throws(EtcdError) {
        guard let permission else { throw .permissionNotGiven }
        guard var role = roles[name] else { throw .roleNotFound }
        role.grant(permission)
        roles[name] = role
        changed()
    }

    private mutating func revokePermission(from name: String, key: Bytes, rangeEnd: Bytes) throws(EtcdError) {
        guard var role = roles[name] else { throw .roleNotFound }
        guard role.revoke(key: key, rangeEnd: rangeEnd) else { throw .permissionNotGranted }
        roles[name] = role
        changed()
    }

    private mutating func changed() {
        revision += 1
        publish()
    }

    /// Lets the doors of this member know.
    func publish() {
        tokens.publish(isEnabled: isEnabled, revision: revision, logins: logins)
    }
}
