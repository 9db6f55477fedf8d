import ApusEtcdAPI
import ApusKV
import ApusPrimitives
import Testing

@testable import ApusControlPlane

/// One test for each rule of etcd's server/auth/store.go.
@Suite struct AuthStoreTests {
    @Test func enablingNeedsARootUserWithTheRootRole() throws {
        var store = AuthStore()
        expect(.rootUserMissing) { try store.run(.enable) }
        try store.run(.addUser(name: "root", passwordHash: "h", hasNoPassword: false))
        expect(.rootRoleMissing) { try store.run(.enable) }
        try store.run(.grantRole(user: "root", role: "root"))
        try store.run(.enable)
        #expect(store.isEnabled)
        try store.run(.enable)
        try store.run(.disable)
        #expect(!store.isEnabled)
        let revision = store.revision
        try store.run(.disable)
        #expect(store.revision == revision)
    }

    @Test func users() throws {
        var store = AuthStore()
        expect(.userEmpty) { try store.run(.addUser(name: "", passwordHash: "h", hasNoPassword: false)) }
        try store.run(.addUser(name: "u", passwordHash: "h", hasNoPassword: false))
        expect(.userExists) { try store.run(.addUser(name: "u", passwordHash: "h", hasNoPassword: false)) }
        expect(.userNotFound) { try store.run(.deleteUser(name: "v")) }
        expect(.userNotFound) { try store.run(.changePassword(name: "v", passwordHash: "h")) }
        expect(.userNotFound) { try store.run(.grantRole(user: "v", role: "root")) }
        expect(.roleNotFound) { try store.run(.grantRole(user: "u", role: "r")) }
        expect(.roleNotGranted) { try store.run(.revokeRole(user: "u", role: "r")) }
        expect(.userNotFound) { try store.run(.revokeRole(user: "v", role: "r")) }
        try store.run(.changePassword(name: "u", passwordHash: "i"))
        #expect(store.users["u"]?.passwordHash == "i")
        try store.run(.deleteUser(name: "u"))
        #expect(store.users.isEmpty)
    }

    @Test func aUserWithoutPasswordNeverGetsOne() throws {
        var store = try AuthStore.enabled()
        try store.run(.addUser(name: "cn", passwordHash: "h", hasNoPassword: true))
        try store.run(.changePassword(name: "cn", passwordHash: "h"))
        #expect(store.users["cn"]?.passwordHash == "")
        expect(.authenticationFailed) { try store.run(.authenticate(user: "cn", digest: "d")) }
    }

    @Test func roles() throws {
        var store = AuthStore()
        expect(.roleEmpty) { try store.run(.addRole(name: "")) }
        try store.run(.addRole(name: "r"))
        expect(.roleExists) { try store.run(.addRole(name: "r")) }
        expect(.roleNotFound) { try store.run(.deleteRole(name: "s")) }
        expect(.roleNotFound) { try store.run(.grantPermission(role: "s", .read("a"))) }
        expect(.permissionNotGiven) { try store.run(.grantPermission(role: "s", nil)) }
        expect(.roleNotFound) { try store.run(.revokePermission(role: "s", key: "a", rangeEnd: "")) }
        expect(.permissionNotGranted) { try store.run(.revokePermission(role: "r", key: "a", rangeEnd: "")) }
        try store.run(.grantPermission(role: "r", .read("b", "c")))
        try store.run(.grantPermission(role: "r", .read("a")))
        try store.run(.grantPermission(role: "r", AuthPermission(kind: .readWrite, key: "b", rangeEnd: "c")))
        #expect(
            store.roles["r"]?.permissions == [
                .read("a"), AuthPermission(kind: .readWrite, key: "b", rangeEnd: "c"),
            ])
        expect(.permissionNotGranted) { try store.run(.revokePermission(role: "r", key: "b", rangeEnd: "")) }
        try store.run(.revokePermission(role: "r", key: "b", rangeEnd: "c"))
        #expect(store.roles["r"]?.permissions == [.read("a")])
    }

    @Test func aDeletedRoleIsTakenFromItsUsers() throws {
        var store = try AuthStore.enabled()
        try store.give("u", .read("a"))
        try store.run(.deleteRole(name: "u-role"))
        #expect(store.users["u"]?.roles == [])
        expect(.permissionDenied) { try store.check(store.caller("u"), range: .key("a")) }
    }

    @Test func rootStaysRootWhileAuthIsOn() throws {
        var store = try AuthStore.enabled()
        expect(.invalidAuthManagement) { try store.run(.deleteUser(name: "root")) }
        expect(.invalidAuthManagement) { try store.run(.deleteRole(name: "root")) }
        expect(.invalidAuthManagement) { try store.run(.revokeRole(user: "root", role: "root")) }
        try store.run(.disable)
        try store.run(.revokeRole(user: "root", role: "root"))
        try store.run(.deleteUser(name: "root"))
    }

    @Test func everyChangeMovesTheRevisionAndNothingElseDoes() throws {
        var store = try AuthStore.enabled()
        let start = store.revision
        let changes: [AuthCommand] = [
            .addUser(name: "u", passwordHash: "h", hasNoPassword: false), .addRole(name: "r"),
            .grantRole(user: "u", role: "r"), .grantPermission(role: "r", .read("a")),
            .revokePermission(role: "r", key: "a", rangeEnd: ""), .revokeRole(user: "u", role: "r"),
            .changePassword(name: "u", passwordHash: "i"), .deleteRole(name: "r"), .deleteUser(name: "u"),
        ]
        for (count, change) in changes.enumerated() {
            try store.run(change)
            #expect(store.revision == start + UInt64(count) + 1, "\(change)")
        }
        let end = store.revision
        try store.run(.enable)
        try store.run(.grantRole(user: "root", role: "root"))
        try store.run(.authenticate(user: "root", digest: "d"))
        #expect(store.revision == end)
        try store.run(.disable)
        #expect(store.revision == end + 1)
    }

    @Test func loggingInNeedsAuthAndAUser() throws {
        var store = AuthStore()
        expect(.authNotEnabled) { try store.run(.authenticate(user: "root", digest: "d")) }
        store = try AuthStore.enabled()
        expect(.authenticationFailed) { try store.run(.authenticate(user: "nobody", digest: "d")) }
        expect(.oldAuthRevision) { _ = try store.apply(.authenticate(user: "root", digest: "d"), nil) }
        let old = Caller(user: "root", authRevision: store.revision - 1)
        expect(.oldAuthRevision) { _ = try store.apply(.authenticate(user: "root", digest: "d"), old) }
        #expect(
            try store.apply(.authenticate(user: "root", digest: "d"), store.caller("root")) == .authenticated(number: 1)
        )
        #expect(
            try store.apply(.authenticate(user: "root", digest: "e"), store.caller("root")) == .authenticated(number: 2)
        )
    }

    @Test func onlyRootChangesAnything() throws {
        var store = try AuthStore.enabled()
        try store.give("u")
        let commands: [AuthCommand] = [
            .enable, .disable, .addUser(name: "x", passwordHash: "", hasNoPassword: false), .deleteUser(name: "u"),
            .changePassword(name: "u", passwordHash: ""), .grantRole(user: "u", role: "root"),
            .revokeRole(user: "u", role: "u-role"), .addRole(name: "r"), .deleteRole(name: "u-role"),
            .grantPermission(role: "u-role", .read("a")), .revokePermission(role: "u-role", key: "a", rangeEnd: ""),
        ]
        let before = store.encoded
        for command in commands {
            expect(.permissionDenied) { _ = try store.apply(command, store.caller("u")) }
            expect(.userNotFound) { _ = try store.apply(command, store.caller("nobody")) }
            expect(.userEmpty) { _ = try store.apply(command, nil) }
        }
        #expect(store.encoded == before)
    }

    @Test func aSnapshotHoldsEverything() throws {
        var store = try AuthStore.enabled()
        try store.give("u", .read("a"), AuthPermission(kind: .write, key: "b", rangeEnd: "\0"))
        try store.run(.addUser(name: "cn", passwordHash: "", hasNoPassword: true))
        try store.run(.authenticate(user: "root", digest: "d"))
        let other = try AuthStore.decoded(store.encoded)
        #expect(other.encoded == store.encoded)
        #expect(other.users == store.users)
        #expect(other.roles == store.roles)
        #expect(other.isEnabled && other.logins == 1)
        #expect(other.tokens.isEnabled)
    }

    @Test func aDamagedSnapshotIsRefusedOrIsAnother() throws {
        var store = try AuthStore.enabled()
        try store.give("u", .read("a"))
        let bytes = store.encoded
        var random = SeededRandom(seed: 5)
        for _ in 0..<2_000 {
            var damaged = bytes
            damaged[Int.random(in: 0..<damaged.count, using: &random)] = .random(in: .min ... .max, using: &random)
            _ = try? AuthStore.decoded(Array(damaged.prefix(Int.random(in: 0...damaged.count, using: &random))))
        }
    }

    @Test func everyCommandSurvivesTheRoundTrip() throws {
        let commands: [AuthCommand] = [
            .enable, .disable, .authenticate(user: "u", digest: "d"),
            .addUser(name: "u", passwordHash: "h", hasNoPassword: true), .deleteUser(name: "u"),
            .changePassword(name: "u", passwordHash: "h"), .grantRole(user: "u", role: "r"),
            .revokeRole(user: "u", role: "r"), .addRole(name: "r"), .deleteRole(name: "r"),
            .grantPermission(role: "r", nil),
            .grantPermission(role: "r", AuthPermission(kind: .readWrite, key: "a", rangeEnd: "\0")),
            .revokePermission(role: "r", key: "a", rangeEnd: "b"),
        ]
        var random = SeededRandom(seed: 6)
        for command in commands {
            var writer = ByteWriter()
            command.encode(to: &writer)
            var reader = ByteReader(writer.bytes)
            #expect(try AuthCommand(from: &reader) == command)
            #expect(reader.remaining == 0)
            for _ in 0..<200 {
                var damaged = writer.bytes
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = .random(in: .min ... .max, using: &random)
                var reader = ByteReader(damaged)
                _ = try? AuthCommand(from: &reader)
            }
        }
    }
}

extension AuthStore {
    /// On, with root.
    static func enabled(tokens: AuthTokens = AuthTokens()) throws -> AuthStore {
        var store = AuthStore(tokens: tokens)
        try store.run(.addUser(name: "root", passwordHash: "h", hasNoPassword: false))
        try store.run(.grantRole(user: "root", role: "root"))
        try store.run(.enable)
        return store
    }

    mutating func run(_ command: AuthCommand) throws(EtcdError) {
        _ = try apply(command, Caller(user: "root", authRevision: revision))
    }

    /// A user with a role of its own.
    mutating func give(_ user: String, _ permissions: AuthPermission...) throws(EtcdError) {
        if users[user] == nil {
            try run(.addUser(name: user, passwordHash: "h", hasNoPassword: false))
            try run(.addRole(name: "\(user)-role"))
            try run(.grantRole(user: user, role: "\(user)-role"))
        }
        for permission in permissions { try run(.grantPermission(role: "\(user)-role", permission)) }
    }

    var encoded: [UInt8] {
        var writer = ByteWriter()
        encode(to: &writer)
        return writer.bytes
    }

    static func decoded(_ bytes: [UInt8], tokens: AuthTokens = AuthTokens()) throws -> AuthStore {
        var reader = ByteReader(bytes)
        return try AuthStore(from: &reader, tokens: tokens)
    }

    func caller(_ user: String) -> Caller { Caller(user: user, authRevision: revision) }
}

extension AuthPermission {
    static func read(_ key: Bytes, _ rangeEnd: Bytes = "") -> AuthPermission {
        AuthPermission(kind: .read, key: key, rangeEnd: rangeEnd)
    }

    static func write(_ key: Bytes, _ rangeEnd: Bytes = "") -> AuthPermission {
        AuthPermission(kind: .write, key: key, rangeEnd: rangeEnd)
    }
}

/// That `body` is refused with exactly this.
func expect(
    _ error: EtcdError, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
    #expect(throws: error, sourceLocation: sourceLocation, performing: body)
}
