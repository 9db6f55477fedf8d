import ApusKV
import ApusPrimitives
import Testing

@Suite struct RangeTests {
    /// a and b at revision 2 and 3, c at 4, b again at 5, d at 6; values fall as keys rise.
    private static func filled() throws -> KVStore {
        var store = KVStore()
        try store.put("a", "4")
        try store.put("b", "3")
        try store.put("c", "2")
        try store.put("b", "3")
        try store.put("d", "1")
        return store
    }

    @Test func aFreshStoreIsAtRevisionOne() throws {
        let store = KVStore()
        #expect(store.revision == Revision(1))
        #expect(
            try store.range(RangeRequest(.all)) == RangeResponse(revision: Revision(1), kvs: [], more: false, count: 0))
    }

    @Test func anEmptyKeyIsRefused() {
        let refused = error { _ = try KVStore().range(RangeRequest(KeyRange(key: ""))) }
        #expect(refused?.code == .emptyKey)
        #expect(refused?.message == "etcdserver: key is not provided")
    }

    @Test func aKeyAnIntervalFromAKeyAndEverything() throws {
        let store = try Self.filled()
        #expect(try store.keys(.key("b")) == ["b"])
        #expect(try store.keys(.key("bb")) == [])
        #expect(try store.keys(.range("b", "d")) == ["b", "c"])
        #expect(try store.keys(.range("d", "b")) == [])
        #expect(try store.keys(.from("c")) == ["c", "d"])
        #expect(try store.keys() == ["a", "b", "c", "d"])
    }

    @Test func theCountIgnoresTheLimitAndMoreSaysThatSomethingIsMissing() throws {
        let store = try Self.filled()
        let cut = try store.range(RangeRequest(.all, limit: 2))
        #expect(cut.kvs.map(\.key) == ["a", "b"])
        #expect(cut.more && cut.count == 4)
        let exact = try store.range(RangeRequest(.all, limit: 4))
        #expect(!exact.more && exact.count == 4)
    }

    @Test func aCountAloneAnswersNoKeys() throws {
        let counted = try Self.filled().range(RangeRequest(.range("a", "c"), limit: 1, countOnly: true))
        #expect(counted.kvs.isEmpty && !counted.more && counted.count == 2)
    }

    @Test func keysOnlyLeavesValuesOutButSortsByThem() throws {
        let request = RangeRequest(.all, sortOrder: .ascend, sortTarget: .value, keysOnly: true)
        let answer = try Self.filled().range(request)
        #expect(answer.kvs.map(\.key) == ["d", "c", "b", "a"])
        #expect(answer.kvs.allSatisfy { $0.value.isEmpty })
    }

    @Test(
        arguments: [
            (RangeRequest.SortTarget.key, ["d", "c", "b", "a"]), (.version, ["b", "a", "c", "d"]),
            (.create, ["d", "c", "b", "a"]), (.mod, ["d", "b", "c", "a"]), (.value, ["a", "b", "c", "d"]),
        ] as [(RangeRequest.SortTarget, [Bytes])])
    func sortsDescendingByEveryTarget(target: RangeRequest.SortTarget, expected: [Bytes]) throws {
        let request = RangeRequest(.all, sortOrder: .descend, sortTarget: target)
        #expect(try Self.filled().range(request).kvs.map(\.key) == expected)
    }

    @Test func sortingComesBeforeTheLimit() throws {
        let store = try Self.filled()
        let last = try store.range(RangeRequest(.all, limit: 1, sortOrder: .descend))
        #expect(last.kvs.map(\.key) == ["d"])
        #expect(last.more && last.count == 4)
        let least = try store.range(RangeRequest(.all, limit: 1, sortOrder: .ascend, sortTarget: .value))
        #expect(least.kvs.map(\.key) == ["d"])
    }

    /// etcd takes one key more than the limit, and sorts only those.
    @Test func withoutAnOrderATargetSortsWhatTheLimitLeft() throws {
        let answer = try Self.filled().range(RangeRequest(.all, limit: 1, sortTarget: .value))
        #expect(answer.kvs.map(\.key) == ["b"])
        #expect(answer.more && answer.count == 4)
    }

    @Test func revisionFiltersAreInclusiveAndComeBeforeTheLimitButNotTheCount() throws {
        let store = try Self.filled()
        let byMod = RangeRequest(.all, limit: 1, minModRevision: Revision(4), maxModRevision: Revision(5))
        let answer = try store.range(byMod)
        #expect(answer.kvs.map(\.key) == ["b"])
        #expect(answer.more && answer.count == 4)
        let byCreate = RangeRequest(.all, minCreateRevision: Revision(3), maxCreateRevision: Revision(4))
        #expect(try store.range(byCreate).kvs.map(\.key) == ["b", "c"])
    }

    @Test func anOldRevisionShowsWhatWasThen() throws {
        var store = try Self.filled()
        try store.delete(.key("a"))
        try store.put("a", "new")
        #expect(try store.keys(at: 3) == ["a", "b"])
        #expect(try store.keys(at: 7) == ["b", "c", "d"])
        #expect(try store.get("a", at: 6)?.value == "4")
        #expect(try store.get("a", at: 7) == nil)
        #expect(try store.get("b", at: 4)?.version == 1)
        #expect(try store.range(RangeRequest(.all, revision: Revision(2))).revision == Revision(8))
    }

    @Test func aFutureRevisionIsRefused() throws {
        let store = try Self.filled()
        let refused = error { _ = try store.keys(at: 7) }
        #expect(refused?.code == .futureRevision)
        #expect(refused?.message == "etcdserver: mvcc: required revision is a future revision")
    }
}
