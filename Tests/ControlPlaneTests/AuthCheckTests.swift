import ApusEtcdAPI
import ApusKV
import ApusPrimitives
import Testing

@testable import ApusControlPlane

@Suite struct AuthCheckTests {
    private let lease = LeaseID(7)

    private func keys() throws -> KVStore {
        var store = KVStore()
        try store.grant(lease, ttlSeconds: 60, at: .zero)
        _ = try store.put(PutRequest(key: "secret", value: "v", lease: lease))
        return store
    }

    /// Reads "a", writes "b", does both with "c".
    private func store() throws -> AuthStore {
        var store = try AuthStore.enabled()
        try store.give(
            "u", .read("a"), .write("b"), AuthPermission(kind: .readWrite, key: "c", rangeEnd: ""), .read("w"))
        try store.run(.grantPermission(role: "u-role", .write("w", "x")))
        return store
    }

    @Test func everyCommandIsChecked() throws {
        let (auth, keys) = (try store(), try keys())
        let allowed: [Command] = [
            .put(PutRequest(key: "b", value: "v")), .put(PutRequest(key: "c", value: "v", previous: true)),
            .delete(DeleteRangeRequest(.key("b"))), .delete(DeleteRangeRequest(.key("c"), previous: true)),
            .txn(TxnRequest(compares: [.exists("a")], success: [.put(PutRequest(key: "b", value: ""))])),
            .revoke(LeaseID(99)), .grant(LeaseID(8), ttlSeconds: 5), .compact(Revision(1)),
        ]
        let refused: [Command] = [
            .put(PutRequest(key: "a", value: "v")), .put(PutRequest(key: "b", value: "v", previous: true)),
            .put(PutRequest(key: "b", value: "v", lease: lease)),
            .delete(DeleteRangeRequest(.key("a"))), .delete(DeleteRangeRequest(.key("b"), previous: true)),
            .delete(DeleteRangeRequest(.range("b", "c"))), .delete(DeleteRangeRequest(.from("b"))),
            .revoke(lease),
            .txn(TxnRequest(compares: [.exists("b")])),
            .txn(TxnRequest(compares: [Compare(.prefix("a"), .version(0))])),
            .txn(TxnRequest(success: [.range(RangeRequest(.key("b")))])),
            .txn(TxnRequest(failure: [.range(RangeRequest(.key("b")))])),
            .txn(TxnRequest(success: [.put(PutRequest(key: "a", value: ""))])),
            .txn(TxnRequest(success: [.put(PutRequest(key: "b", value: "", previous: true))])),
            .txn(TxnRequest(success: [.put(PutRequest(key: "b", value: "", lease: lease))])),
            .txn(TxnRequest(failure: [.delete(DeleteRangeRequest(.key("a")))])),
            .txn(TxnRequest(failure: [.delete(DeleteRangeRequest(.key("b"), previous: true))])),
        ]
        for command in allowed { try auth.check(auth.caller("u"), command, on: keys) }
        for command in refused {
            expect(.permissionDenied) { try auth.check(auth.caller("u"), command, on: keys) }
            try auth.check(auth.caller("root"), command, on: keys)
            try AuthStore().check(nil, command, on: keys)
            expect(.permissionDenied) { try auth.check(auth.caller("nobody"), command, on: keys) }
            guard command != .revoke(LeaseID(99)) else { continue }
            expect(.userEmpty) { try auth.check(nil, command, on: keys) }
        }
    }

    /// CVE-2026-33343: what is nested was not looked at.
    @Test func nestedTransactionsAreCheckedHoweverDeep() throws {
        let (auth, keys) = (try store(), try keys())
        let inner: [TxnRequest] = [
            TxnRequest(success: [.range(RangeRequest(.key("b")))]),
            TxnRequest(failure: [.put(PutRequest(key: "a", value: ""))]),
            TxnRequest(compares: [.exists("b")]),
        ]
        for var request in inner {
            for depth in 0..<5 {
                request = depth % 2 == 0 ? TxnRequest(success: [.txn(request)]) : TxnRequest(failure: [.txn(request)])
                expect(.permissionDenied) { try auth.check(auth.caller("u"), .txn(request), on: keys) }
            }
        }
    }

    @Test func whoHasLostARightIsRefusedAtTheDoorAndWhenApplied() throws {
        var auth = try store()
        let before = auth.caller("u")
        try auth.check(before, range: .key("a"))
        try auth.run(.revokePermission(role: "u-role", key: "a", rangeEnd: ""))
        expect(.oldAuthRevision) { try auth.check(before, range: .key("a")) }
        expect(.permissionDenied) { try auth.check(auth.caller("u"), range: .key("a")) }
    }

    @Test func rootAlone() throws {
        let auth = try store()
        expect(.userEmpty) { try auth.checkRoot(nil) }
        expect(.userNotFound) { try auth.checkRoot(auth.caller("nobody")) }
        expect(.permissionDenied) { try auth.checkRoot(auth.caller("u")) }
        try auth.checkRoot(auth.caller("root"))
        try AuthStore().checkRoot(nil)
    }

    @Test func usersLookAtThemselvesAndTheirRoles() throws {
        let auth = try store()
        try auth.check(auth.caller("u"), lookAtUser: "u")
        try auth.check(auth.caller("u"), lookAtRole: "u-role")
        expect(.permissionDenied) { try auth.check(auth.caller("u"), lookAtUser: "root") }
        expect(.permissionDenied) { try auth.check(auth.caller("u"), lookAtRole: "root") }
        expect(.userEmpty) { try auth.check(nil, lookAtUser: "u") }
        expect(.userEmpty) { try auth.check(nil, lookAtRole: "u-role") }
        try auth.check(auth.caller("root"), lookAtUser: "u")
    }

    @Test func theKeysOfALeaseAreRead() throws {
        var auth = try store()
        let keys = try keys()
        expect(.userEmpty) { try auth.check(nil, keysOf: lease, on: keys) }
        expect(.permissionDenied) { try auth.check(auth.caller("u"), keysOf: lease, on: keys) }
        try auth.give("u", .read("secret"))
        try auth.check(auth.caller("u"), keysOf: lease, on: keys)
        expect(.permissionDenied) { try auth.check(auth.caller("u"), .revoke(lease), on: keys) }
        try auth.check(auth.caller("root"), keysOf: lease, on: keys)
    }

    /// Against a look at every key there is, in an alphabet of three letters.
    @Test func permissionsAgreeWithANaiveModel() throws {
        let universe = Self.allKeys(of: ["a", "b", "c"], upTo: 3)
        for seed in 0..<60 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var auth = try AuthStore.enabled()
            try auth.run(.addUser(name: "u", passwordHash: "", hasNoPassword: false))
            for role in ["r", "s", "t"].prefix(Int.random(in: 0...3, using: &random)) {
                try auth.run(.addRole(name: role))
                try auth.run(.grantRole(user: "u", role: role))
                for _ in 0..<Int.random(in: 0...4, using: &random) {
                    let permission = AuthPermission(
                        kind: AuthPermission.Kind.allCases.randomElement(using: &random)!,
                        key: universe.randomElement(using: &random)!, rangeEnd: Self.end(universe, &random))
                    try auth.run(.grantPermission(role: role, permission))
                }
            }
            let granted = auth.roles.values.flatMap(\.permissions)
            for _ in 0..<150 {
                let range = KeyRange(
                    key: universe.randomElement(using: &random)!, rangeEnd: Self.end(universe, &random))
                guard !range.isEmpty else { continue }
                // Longer keys and an endless range need a permission without end or a whole prefix, as those of the model
                // would.
                let asked = universe.filter(range.contains)
                let mayRead = Self.model(asked, range, granted.filter(\.kind.mayRead))
                let mayWrite = Self.model(asked, range, granted.filter(\.kind.mayWrite))
                let isReadable = (try? auth.check(auth.caller("u"), range: range)) != nil
                #expect(isReadable == mayRead, "seed \(seed), \(range)")
                let write = Command.delete(DeleteRangeRequest(range))
                let isAllowed = (try? auth.check(auth.caller("u"), write, on: KVStore())) != nil
                #expect(isAllowed == mayWrite, "seed \(seed), \(range)")
            }
        }
    }

    private static func model(_ asked: [Bytes], _ range: KeyRange, _ granted: [AuthPermission]) -> Bool {
        let mayAll = asked.allSatisfy { key in granted.contains { $0.range.contains(key) } }
        guard range.end != .single else { return mayAll }
        // Between two neighbours of the universe are keys that it does not have: the range must be covered there too.
        let between = asked.map { Bytes($0.array + Array("zzzz".utf8)) }.filter(range.contains)
        let tiny = asked.map { Bytes($0.array + [0]) }.filter(range.contains)
        let last = range.end == .unbounded ? [Bytes([0xFF, 0xFF])] : []
        return mayAll && (between + tiny + last).allSatisfy { key in granted.contains { $0.range.contains(key) } }
    }

    private static func end(_ universe: [Bytes], _ random: inout SeededRandom) -> Bytes {
        switch Int.random(in: 0..<5, using: &random) {
        case 0: .empty
        case 1: "\0"
        default: universe.randomElement(using: &random)!
        }
    }

    private static func allKeys(of letters: [String], upTo length: Int) -> [Bytes] {
        var all: [String] = []
        var last = [""]
        for _ in 0..<length {
            last = last.flatMap { word in letters.map { word + $0 } }
            all += last
        }
        return all.map { Bytes($0) }.sorted()
    }
}
