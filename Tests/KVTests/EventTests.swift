import ApusKV
import ApusPrimitives
import Testing

@Suite struct EventTests {
    private static func filled() throws -> KVStore {
        var store = KVStore()
        try store.put("a", "1")
        _ = try store.txn(TxnRequest(success: [put("a", "2"), put("b", "1"), put("c", "1")]))
        try store.delete(.key("b"))
        return store
    }

    @Test func historyComesInOrderWithWhatWasBefore() throws {
        let (events, next) = try Self.filled().events(in: .all, from: Revision(1), limit: 100)
        #expect(events.map(\.kv.key) == ["a", "a", "b", "c", "b"])
        #expect(events.map(\.revision.rawValue) == [2, 3, 3, 3, 4])
        #expect(events.map { $0.previous?.value } == [nil, "1", nil, nil, "1"])
        #expect(next == Revision(5))
    }

    @Test func aDeletionTellsOnlyItsKeyAndRevision() throws {
        let event = try #require(Self.filled().events(in: .key("b"), from: Revision(4), limit: 1).events.first)
        #expect(event.kind == .delete)
        let expected = KeyValue(
            key: "b", value: "", createRevision: .zero, modRevision: Revision(4), version: 0, lease: .none)
        #expect(event.kv == expected)
    }

    @Test func aRevisionIsNeverSplit() throws {
        let store = try Self.filled()
        let first = try store.events(in: .all, from: Revision(1), limit: 2)
        #expect(first.events.map(\.revision.rawValue) == [2, 3, 3, 3])
        #expect(first.next == Revision(4))
        let rest = try store.events(in: .all, from: first.next, limit: 2)
        #expect(rest.events.map(\.revision.rawValue) == [4] && rest.next == Revision(5))
    }

    @Test func theScanLimitEndsASearchThatFindsNothing() throws {
        let store = try Self.filled()
        let search = try store.events(in: .prefix("z"), from: Revision(1), limit: 10, scanLimit: 1)
        #expect(search.events.isEmpty && search.next == Revision(3))
    }

    @Test func onlyTheRangeCounts() throws {
        let store = try Self.filled()
        #expect(try store.events(in: .key("a"), from: Revision(1), limit: 10).events.count == 2)
        #expect(try store.events(in: .range("b", "c"), from: Revision(1), limit: 10).events.count == 2)
        #expect(try store.events(in: .key("x"), from: Revision(1), limit: 10).events.isEmpty)
    }

    @Test func aFutureStartHasNothingYet() throws {
        let (events, next) = try Self.filled().events(in: .all, from: Revision(9), limit: 10)
        #expect(events.isEmpty && next == Revision(9))
    }

    @Test func previousVersionsAreLeftOutWhenNobodyWantsThem() throws {
        let events = try Self.filled().events(in: .all, from: Revision(1), limit: 10, previous: false).events
        #expect(events.allSatisfy { $0.previous == nil })
    }
}
