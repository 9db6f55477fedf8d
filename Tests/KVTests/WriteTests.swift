import ApusKV
import ApusPrimitives
import Testing

@Suite struct WriteTests {
    @Test func aPutCreatesThenRaisesTheVersion() throws {
        var store = KVStore()
        #expect(try store.put("a", "1") == Revision(2))
        #expect(try store.put("a", "2") == Revision(3))
        let expected = KeyValue(
            key: "a", value: "2", createRevision: Revision(2), modRevision: Revision(3), version: 2)
        #expect(try store.get("a") == expected)
    }

    @Test func aDeletedKeyStartsAnew() throws {
        var store = KVStore()
        try store.put("a")
        try store.delete(.key("a"))
        try store.put("a")
        let kv = try #require(try store.get("a"))
        #expect(kv.createRevision == Revision(4) && kv.version == 1)
    }

    @Test func aPutAnswersWithThePreviousVersionWhenAsked() throws {
        var store = KVStore()
        let first = try store.put(PutRequest(key: "a", value: "1", previous: true))
        #expect(first.previous == nil)
        let second = try store.put(PutRequest(key: "a", value: "2", previous: true))
        #expect(second.previous?.value == "1")
        #expect(try store.put(PutRequest(key: "a", value: "3")).previous == nil)
    }

    @Test func aPutWithoutAKeyIsRefused() {
        var store = KVStore()
        #expect(code { try store.put("") } == .emptyKey)
    }

    @Test func ignoreValueKeepsTheValueOfAnExistingKey() throws {
        var store = KVStore()
        let request = PutRequest(key: "a", value: "", ignoreValue: true)
        let missing = error { _ = try store.put(request) }
        #expect(missing?.message == "etcdserver: key not found")
        try store.put("a", "1")
        _ = try store.put(request)
        #expect(try store.get("a")?.value == "1")
        #expect(try store.get("a")?.version == 2)
        let provided = error { _ = try store.put(PutRequest(key: "a", value: "2", ignoreValue: true)) }
        #expect(provided?.message == "etcdserver: value is provided")
    }

    @Test func ignoreLeaseKeepsTheLeaseOfAnExistingKey() throws {
        var store = KVStore()
        try store.grant(LeaseID(7), ttlSeconds: 10, at: .zero)
        let request = PutRequest(key: "a", value: "2", ignoreLease: true)
        #expect(code { _ = try store.put(request) } == .keyNotFound)
        try store.put("a", "1", lease: LeaseID(7))
        _ = try store.put(request)
        #expect(try store.get("a")?.lease == LeaseID(7))
        let provided = error {
            _ = try store.put(PutRequest(key: "a", value: "", lease: LeaseID(7), ignoreLease: true))
        }
        #expect(provided?.message == "etcdserver: lease is provided")
    }

    @Test func aDeletionTakesARangeAndAnswersWithItWhenAsked() throws {
        var store = KVStore()
        for key in ["a", "b", "c"] as [Bytes] { try store.put(key) }
        let response = try store.delete(DeleteRangeRequest(.range("a", "c"), previous: true))
        #expect(response.deleted == 2 && response.revision == Revision(5))
        #expect(response.previous.map(\.key) == ["a", "b"])
        #expect(try store.keys() == ["c"])
    }

    @Test func aDeletionThatMeetsNothingLeavesTheRevision() throws {
        var store = KVStore()
        let response = try store.delete(DeleteRangeRequest(.all))
        #expect(response == DeleteRangeResponse(revision: Revision(1), deleted: 0))
        #expect(store.revision == Revision(1))
        #expect(code { try store.delete(KeyRange(key: "")) } == .emptyKey)
    }

    @Test func aCopyIsASnapshot() throws {
        var store = KVStore()
        try store.put("a", "1")
        let snapshot = store
        try store.put("a", "2")
        try store.put("b", "1")
        #expect(try snapshot.get("a")?.value == "1")
        #expect(snapshot.revision == Revision(2) && snapshot.count == 1)
    }
}
