import ApusPrimitives

extension AuthStore {
    private static let formatVersion: UInt8 = 1

    /// Everything but the tokens: equal stores give equal bytes.
    func encode(to writer: inout ByteWriter) {
        writer.write(Self.formatVersion)
        writer.write(isEnabled ? 1 as UInt8 : 0)
        writer.writeVariable(revision)
        writer.writeVariable(logins)
        writer.writeVariable(UInt64(users.count))
        for user in sortedUsers {
            writer.write(user.name)
            writer.write(user.passwordHash)
            writer.write(user.hasNoPassword ? 1 as UInt8 : 0)
            writer.writeVariable(UInt64(user.roles.count))
            for role in user.roles { writer.write(role) }
        }
        writer.writeVariable(UInt64(roles.count))
        for role in sortedRoles {
            writer.write(role.name)
            writer.writeVariable(UInt64(role.permissions.count))
            for permission in role.permissions { writer.write(permission) }
        }
    }

    /// What `encode` wrote. The tokens of this member end: nobody knows which of their users have changed.
    /// - Throws: when the bytes are anything else.
    init(from reader: inout ByteReader, tokens: AuthTokens = AuthTokens()) throws {
        guard try reader.read(UInt8.self) == Self.formatVersion else {
            throw Malformed("a snapshot of another version")
        }
        self.init(tokens: tokens)
        isEnabled = try reader.readBool()
        revision = try reader.readVariable()
        logins = try reader.readVariable()
        for _ in 0..<(try reader.readCount()) {
            let (name, hash, hasNoPassword) = (try reader.readString(), try reader.readBytes(), try reader.readBool())
            var granted: [String] = []
            for _ in 0..<(try reader.readCount()) { granted.append(try reader.readString()) }
            users[name] = AuthUser(
                name: name, passwordHash: hash, hasNoPassword: hasNoPassword, roles: granted)
        }
        for _ in 0..<(try reader.readCount()) {
            let name = try reader.readString()
            var permissions: [AuthPermission] = []
            for _ in 0..<(try reader.readCount()) { permissions.append(try reader.readPermission()) }
            roles[name] = AuthRole(name: name, permissions: permissions)
        }
        guard revision > 0 else { throw Malformed("a snapshot at revision 0") }
        tokens.removeAll()
        publish()
    }
}

extension ByteReader {
    /// A number of items, each of which takes a byte at least.
    mutating func readCount() throws -> Int {
        let count = try readVariable(UInt64.self)
        guard count <= UInt64(remaining) else { throw AuthStore.Malformed("\(count) items in \(remaining) bytes") }
        return Int(count)
    }
}
