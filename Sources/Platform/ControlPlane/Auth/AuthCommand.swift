import ApusPrimitives

/// A change of users, roles and permissions as the log records it. Never a password and never a token, only what was made of
/// them.
enum AuthCommand: Hashable, Sendable {
    case enable
    case disable
    /// A log-in whose password was checked at the caller's revision; `digest` is `AuthTokens.digest` of the token's secret part.
    case authenticate(user: String, digest: Bytes)
    case addUser(name: String, passwordHash: Bytes, hasNoPassword: Bool)
    case deleteUser(name: String)
    case changePassword(name: String, passwordHash: Bytes)
    case grantRole(user: String, role: String)
    case revokeRole(user: String, role: String)
    case addRole(name: String)
    case deleteRole(name: String)
    /// No permission is what etcd answers with an error of its own.
    case grantPermission(role: String, AuthPermission?)
    case revokePermission(role: String, key: Bytes, rangeEnd: Bytes)

    /// Anybody may log in; the rest is for users with the root role.
    var needsRoot: Bool {
        if case .authenticate = self { false } else { true }
    }
}

enum AuthResponse: Hashable, Sendable {
    case done
    /// The number that makes the token whole: "secret.number".
    case authenticated(number: UInt64)
}

extension AuthCommand {
    private enum Tag: UInt8 {
        case enable = 1
        case disable
        case authenticate
        case addUser
        case deleteUser
        case changePassword
        case grantRole
        case revokeRole
        case addRole
        case deleteRole
        case grantPermission
        case revokePermission
    }

    func encode(to writer: inout ByteWriter) {
        switch self {
        case .enable: writer.write(Tag.enable.rawValue)
        case .disable: writer.write(Tag.disable.rawValue)
        case .authenticate(let user, let digest):
            writer.write(Tag.authenticate.rawValue)
            writer.write(user)
            writer.write(digest)
        case .addUser(let name, let hash, let hasNoPassword):
            writer.write(Tag.addUser.rawValue)
            writer.write(name)
            writer.write(hash)
            writer.write(hasNoPassword ? 1 as UInt8 : 0)
        case .deleteUser(let name): writer.write(texts: Tag.deleteUser.rawValue, name)
        case .changePassword(let name, let hash):
            writer.write(Tag.changePassword.rawValue)
            writer.write(name)
            writer.write(hash)
        case .grantRole(let user, let role): writer.write(texts: Tag.grantRole.rawValue, user, role)
        case .revokeRole(let user, let role): writer.write(texts: Tag.revokeRole.rawValue, user, role)
        case .addRole(let name): writer.write(texts: Tag.addRole.rawValue, name)
        case .deleteRole(let name): writer.write(texts: Tag.deleteRole.rawValue, name)
        case .grantPermission(let role, let permission):
            writer.write(texts: Tag.grantPermission.rawValue, role)
            writer.write(permission == nil ? 0 as UInt8 : 1)
            if let permission { writer.write(permission) }
        case .revokePermission(let role, let key, let rangeEnd):
            writer.write(texts: Tag.revokePermission.rawValue, role)
            writer.write(key)
            writer.write(rangeEnd)
        }
    }

    /// - Throws: when the bytes are not what `encode` wrote.
    init(from reader: inout ByteReader) throws {
        let raw = try reader.read(UInt8.self)
        guard let tag = Tag(rawValue: raw) else { throw AuthStore.Malformed("command \(raw)") }
        switch tag {
        case .enable: self = .enable
        case .disable: self = .disable
        case .authenticate: self = .authenticate(user: try reader.readString(), digest: try reader.readBytes())
        case .addUser:
            self = .addUser(
                name: try reader.readString(), passwordHash: try reader.readBytes(),
                hasNoPassword: try reader.readBool())
        case .deleteUser: self = .deleteUser(name: try reader.readString())
        case .changePassword:
            self = .changePassword(name: try reader.readString(), passwordHash: try reader.readBytes())
        case .grantRole: self = .grantRole(user: try reader.readString(), role: try reader.readString())
        case .revokeRole: self = .revokeRole(user: try reader.readString(), role: try reader.readString())
        case .addRole: self = .addRole(name: try reader.readString())
        case .deleteRole: self = .deleteRole(name: try reader.readString())
        case .grantPermission:
            let role = try reader.readString()
            self = .grantPermission(role: role, try reader.readBool() ? try reader.readPermission() : nil)
        case .revokePermission:
            self = .revokePermission(
                role: try reader.readString(), key: try reader.readBytes(), rangeEnd: try reader.readBytes())
        }
    }
}

extension ByteWriter {
    fileprivate mutating func write(texts tag: UInt8, _ texts: String...) {
        write(tag)
        for text in texts { write(text) }
    }

    mutating func write(_ permission: AuthPermission) {
        write(permission.kind.rawValue)
        write(permission.key)
        write(permission.rangeEnd)
    }
}

extension ByteReader {
    mutating func readBool() throws -> Bool {
        let byte = try read(UInt8.self)
        guard byte <= 1 else { throw AuthStore.Malformed("\(byte) is no yes or no") }
        return byte == 1
    }

    mutating func readPermission() throws -> AuthPermission {
        let raw = try read(UInt8.self)
        guard let kind = AuthPermission.Kind(rawValue: raw) else { throw AuthStore.Malformed("permission \(raw)") }
        return AuthPermission(kind: kind, key: try readBytes(), rangeEnd: try readBytes())
    }
}
