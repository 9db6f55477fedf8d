import ApusKV
import ApusPrimitives
import Testing

@Suite struct CompactionTests {
    /// a: 2, 3, deleted at 4; b: 5, 6; c: 7.
    private static func filled() throws -> KVStore {
        var store = KVStore()
        try store.put("a", "1")
        try store.put("a", "2")
        try store.delete(.key("a"))
        try store.put("b", "1")
        try store.put("b", "2")
        try store.put("c", "1")
        return store
    }

    @Test func aRevisionBelowIsRefusedAndTheCompactedOneIsStillReadable() throws {
        var store = try Self.filled()
        try store.compact(at: Revision(5))
        let refused = error { _ = try store.keys(at: 4) }
        #expect(refused?.code == .compacted && refused?.compactRevision == Revision(5))
        #expect(refused?.message == "etcdserver: mvcc: required revision has been compacted")
        #expect(try store.range(RangeRequest(.all, revision: Revision(5))).kvs.map(\.value) == ["1"])
        #expect(store.compactedRevision == Revision(5))
    }

    @Test func theLastValueAtOrBelowTheRevisionIsKept() throws {
        var store = try Self.filled()
        try store.put("b", "3")
        try store.compact(at: Revision(7))
        #expect(try store.get("b", at: 7)?.value == "2")
        #expect(try store.get("b")?.value == "3")
    }

    @Test func everyRevisionFromTheCompactedOneOnReadsAsBefore() throws {
        let before = try Self.filled()
        for revision in 1...7 as ClosedRange<Int64> {
            var store = before
            try store.compact(at: Revision(revision))
            for later in revision...7 {
                let request = RangeRequest(.all, revision: Revision(later))
                #expect(try store.range(request) == before.range(request))
            }
        }
    }

    @Test func compactingTwiceAtOneRevisionOrBackwardsIsRefused() throws {
        var store = try Self.filled()
        try store.compact(at: Revision(5))
        #expect(code { try store.compact(at: Revision(5)) } == .compacted)
        #expect(code { try store.compact(at: Revision(3)) } == .compacted)
        #expect(code { try store.compact(at: Revision(8)) } == .futureRevision)
        try store.compact(at: Revision(7))
        #expect(try store.keys() == ["b", "c"])
    }

    @Test func stepsDoTogetherWhatOneCompactionDoes() throws {
        var random = SeededRandom(seed: 7)
        var store = KVStore()
        for count in 0..<3_000 {
            let key = Bytes("\(Int.random(in: 0..<40, using: &random))")
            if count % 5 == 0 { _ = try store.delete(.key(key)) } else { try store.put(key, Bytes("\(count)")) }
        }
        let target = Revision(store.revision.rawValue - 100)
        var whole = store
        try whole.compact(at: target)
        var steps = 0
        while store.compactedRevision < target {
            let next = store.compactionStep(towards: target, changes: 50)
            #expect(next.rawValue - store.compactedRevision.rawValue <= 51)
            try store.compact(at: next)
            steps += 1
        }
        #expect(steps > 30)
        #expect(store.storedBytes == whole.storedBytes)
        #expect(store.history.map(\.kv) == whole.history.map(\.kv))
        #expect(try store.hash() == whole.hash())
        // What would be refused is left as it is, to be refused.
        #expect(store.compactionStep(towards: target, changes: 50) == target)
        #expect(store.compactionStep(towards: Revision(1 << 40), changes: 50) == Revision(1 << 40))
    }

    @Test func revisionZeroCanBeCompactedOnceAsInEtcd() throws {
        var store = try Self.filled()
        try store.compact(at: .zero)
        #expect(code { try store.compact(at: .zero) } == .compacted)
        #expect(try store.keys(at: 2) == ["a"])
    }

    @Test func aSnapshotKeepsWhatTheOriginalGaveUp() throws {
        var store = try Self.filled()
        let snapshot = store
        try store.compact(at: Revision(7))
        #expect(try snapshot.get("a", at: 2)?.value == "1")
    }

    @Test func eventsFromTheCompactedRevisionOnAreStillThere() throws {
        var store = try Self.filled()
        try store.compact(at: Revision(4))
        let events = try store.events(in: .all, from: Revision(4), limit: 100).events
        #expect(events.map(\.revision.rawValue) == [4, 5, 6, 7])
        #expect(events.map(\.kind) == [.delete, .put, .put, .put])
        #expect(events.map { $0.previous?.value } == [nil, nil, "1", nil], "revision 3 is gone")
        let refused = error { _ = try store.events(in: .all, from: Revision(3), limit: 100) }
        #expect(refused?.code == .compacted && refused?.compactRevision == Revision(4))
    }
}
