import ApusKV
import ApusPrimitives
import Testing

@Suite struct LeaseTests {
    private static let lease = LeaseID(7)

    private static func granted(_ ttlSeconds: Int64 = 10) throws -> KVStore {
        var store = KVStore()
        try store.grant(lease, ttlSeconds: ttlSeconds, at: at(100))
        return store
    }

    @Test func aGrantStartsTheTimeToLive() throws {
        let store = try Self.granted()
        #expect(store.lease(Self.lease) == Lease(id: Self.lease, grantedTTLSeconds: 10, expires: at(110)))
        #expect(store.leases.map(\.id) == [Self.lease])
        #expect(store.revision == Revision(1), "leases do not make revisions")
    }

    @Test func aShortTimeToLiveIsRaisedToTheMinimum() throws {
        #expect(try Self.granted(0).lease(Self.lease)?.grantedTTLSeconds == 2)
        #expect(try Self.granted(-5).lease(Self.lease)?.grantedTTLSeconds == 2)
        var store = KVStore(minimumLeaseTTLSeconds: 5)
        #expect(try store.grant(Self.lease, ttlSeconds: 3, at: .zero).grantedTTLSeconds == 5)
    }

    @Test func aGrantIsRefusedForATakenIdAnAbsentOneAndATimeTooLong() throws {
        var store = try Self.granted()
        let taken = error { try store.grant(Self.lease, ttlSeconds: 10, at: .zero) }
        #expect(taken?.message == "etcdserver: lease already exists")
        #expect(code { try store.grant(.none, ttlSeconds: 10, at: .zero) } == .leaseNotFound)
        let long = error { try store.grant(LeaseID(8), ttlSeconds: 9_000_000_001, at: .zero) }
        #expect(long?.message == "etcdserver: too large lease TTL")
        #expect(try store.grant(LeaseID(8), ttlSeconds: 9_000_000_000, at: .zero).grantedTTLSeconds == 9_000_000_000)
    }

    @Test func aPutWithAnUnknownLeaseIsRefused() throws {
        var store = KVStore()
        let refused = error { try store.put("a", lease: Self.lease) }
        #expect(refused?.message == "etcdserver: requested lease not found")
        #expect(store.count == 0)
    }

    @Test func aPutAttachesAndTheNextPutDetaches() throws {
        var store = try Self.granted()
        try store.put("b", lease: Self.lease)
        try store.put("a", lease: Self.lease)
        #expect(store.keys(attachedTo: Self.lease) == ["a", "b"])
        try store.put("a")
        try store.delete(.key("b"))
        #expect(store.keys(attachedTo: Self.lease) == [])
    }

    @Test func aPutMovesAKeyToAnotherLease() throws {
        var store = try Self.granted()
        try store.grant(LeaseID(8), ttlSeconds: 10, at: .zero)
        try store.put("a", lease: Self.lease)
        try store.put("a", lease: LeaseID(8))
        try store.revoke(Self.lease)
        #expect(try store.get("a")?.lease == LeaseID(8))
    }

    @Test func revokingDeletesTheKeysAtOneRevision() throws {
        var store = try Self.granted()
        try store.put("b", lease: Self.lease)
        try store.put("a", lease: Self.lease)
        try store.put("c")
        let response = try store.revoke(Self.lease)
        #expect(response.deleted == 2 && response.revision == Revision(5))
        #expect(try store.keys() == ["c"])
        let events = try store.events(in: .all, from: Revision(5), limit: 10).events
        #expect(events.map(\.kv.key) == ["a", "b"])
        #expect(events.allSatisfy { $0.kind == .delete && $0.revision == Revision(5) })
        #expect(code { try store.revoke(Self.lease) } == .leaseNotFound)
    }

    @Test func revokingALeaseWithoutKeysLeavesTheRevision() throws {
        var store = try Self.granted()
        #expect(try store.revoke(Self.lease).revision == Revision(1))
        #expect(store.nextLeaseExpiry == nil)
    }

    @Test func aKeepAliveStartsTheTimeToLiveAnew() throws {
        var store = try Self.granted()
        #expect(try store.keepAlive(Self.lease, at: at(105)) == 10)
        #expect(store.lease(Self.lease)?.expires == at(115))
        #expect(store.expiredLeases(at: at(114), limit: 10) == [])
        #expect(store.expiredLeases(at: at(115), limit: 10) == [Self.lease])
    }

    @Test func aKeepAliveComesTooLateForAnExpiredOrUnknownLease() throws {
        var store = try Self.granted()
        #expect(code { try store.keepAlive(Self.lease, at: at(110)) } == .leaseNotFound)
        #expect(code { try store.keepAlive(LeaseID(9), at: at(100)) } == .leaseNotFound)
        #expect(store.lease(Self.lease) != nil, "it lives until it is revoked")
    }

    @Test func expiredLeasesComeLongestAgoFirstAndBounded() throws {
        var store = KVStore()
        for (id, ttl) in [(1, 30), (2, 10), (3, 20)] as [(Int64, Int64)] {
            try store.grant(LeaseID(id), ttlSeconds: ttl, at: .zero)
        }
        #expect(store.nextLeaseExpiry == at(10))
        #expect(store.expiredLeases(at: at(25), limit: 10) == [LeaseID(2), LeaseID(3)])
        #expect(store.expiredLeases(at: at(99), limit: 2) == [LeaseID(2), LeaseID(3)])
    }

    @Test func aNewLeaderExtendsAllLeases() throws {
        var store = try Self.granted()
        try store.grant(LeaseID(8), ttlSeconds: 20, at: at(50))
        store.extendAllLeases(at: at(1_000))
        #expect(store.leases.map(\.expires) == [at(1_010), at(1_020)])
        #expect(store.nextLeaseExpiry == at(1_010))
    }

    @Test func remainingTimeIsNeverNegative() {
        let lease = Lease(id: Self.lease, grantedTTLSeconds: 10, expires: at(10))
        #expect(lease.remainingSeconds(at: at(3)) == 7)
        #expect(lease.remainingSeconds(at: at(30)) == 0)
    }
}
