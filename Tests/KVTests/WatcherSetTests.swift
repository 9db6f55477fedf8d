import ApusKV
import ApusPrimitives
import Testing

@Suite struct WatcherSetTests {
    private static func store(puts: Int) throws -> KVStore {
        var store = KVStore()
        for index in 0..<puts { try store.put("k", Bytes("\(index)")) }
        return store
    }

    private func events(_ output: WatchOutput) -> [Int64]? {
        guard case .events(let batch) = output else { return nil }
        return batch.events.map(\.revision.rawValue)
    }

    @Test func aWatchWithoutAStartSeesWhatComesFromNowOn() throws {
        var store = try Self.store(puts: 3)
        var set = WatcherSet(at: store.revision)
        let id = try set.add(WatchRequest(.all), to: store)
        #expect(set.take(id, from: store) == .idle)
        try store.put("k")
        #expect(set.advance(to: store) == [id])
        #expect(events(set.take(id, from: store)) == [5])
        #expect(set.take(id, from: store) == .idle)
        #expect(set.progress(of: id) == Revision(5))
    }

    @Test func aWatchFromThePastReplaysHistory() throws {
        let store = try Self.store(puts: 5)
        var set = WatcherSet(at: store.revision)
        let id = try set.add(WatchRequest(.key("k"), start: Revision(3), previous: true), to: store)
        #expect(set.progress(of: id) == nil)
        guard case .events(let batch) = set.take(id, from: store, limit: 2) else {
            Issue.record("there are events")
            return
        }
        #expect(batch.revision == Revision(4))
        #expect(batch.events.map { $0.previous?.value } == ["0", "1"])
        #expect(events(set.take(id, from: store)) == [5, 6])
    }

    @Test func aWatchFromTheFutureWaitsForItsRevision() throws {
        var store = try Self.store(puts: 1)
        var set = WatcherSet(at: store.revision)
        let id = try set.add(WatchRequest(.all, start: Revision(5)), to: store)
        for expected in [[], [], [id]] as [[WatcherID]] {
            try store.put("k")
            #expect(set.advance(to: store) == expected)
        }
        #expect(events(set.take(id, from: store)) == [5])
    }

    @Test func onlyThoseConcernedAreWokenAndOnlyOnce() throws {
        var store = KVStore()
        var set = WatcherSet(at: store.revision)
        let a = try set.add(WatchRequest(.prefix("a")), to: store)
        let b = try set.add(WatchRequest(.key("b")), to: store)
        try store.put("ab")
        #expect(set.advance(to: store) == [a])
        try store.put("ac")
        try store.put("b")
        #expect(set.advance(to: store) == [b])
        #expect(events(set.take(a, from: store)) == [2, 3])
        #expect(set.advance(to: store) == [])
    }

    @Test func filtersLeaveOutPutsOrDeletions() throws {
        var store = KVStore()
        var set = WatcherSet(at: store.revision)
        let noPut = try set.add(WatchRequest(.all, noPut: true), to: store)
        let noDelete = try set.add(WatchRequest(.all, noDelete: true), to: store)
        try store.put("k")
        try store.delete(.all)
        _ = set.advance(to: store)
        #expect(events(set.take(noPut, from: store)) == [3])
        #expect(events(set.take(noDelete, from: store)) == [2])
        let late = try set.add(WatchRequest(.all, start: Revision(1), noPut: true), to: store)
        #expect(events(set.take(late, from: store)) == [3])
    }

    @Test func previousVersionsGoOnlyToThoseWhoWantThem() throws {
        var store = try Self.store(puts: 1)
        var set = WatcherSet(at: store.revision)
        let without = try set.add(WatchRequest(.all), to: store)
        let with = try set.add(WatchRequest(.all, previous: true), to: store)
        try store.put("k")
        _ = set.advance(to: store)
        for (id, expected) in [(without, nil), (with, "0")] as [(WatcherID, Bytes?)] {
            guard case .events(let batch) = set.take(id, from: store) else {
                Issue.record("there are events")
                return
            }
            #expect(batch.events.first?.previous?.value == expected)
        }
    }

    @Test func theBacklogIsBoundedAndTheRestComesFromHistory() throws {
        var store = KVStore()
        var set = WatcherSet(at: store.revision, backlogLimit: 3)
        let id = try set.add(WatchRequest(.all), to: store)
        for _ in 0..<2 {
            try store.put("k")
            _ = set.advance(to: store)
        }
        // Two events more would not fit, so this revision is left to history as a whole.
        _ = try store.txn(TxnRequest(success: [put("x"), put("y")]))
        _ = set.advance(to: store)
        try store.put("k")
        _ = set.advance(to: store)
        guard case .events(let batch) = set.take(id, from: store) else {
            Issue.record("there are events")
            return
        }
        #expect(batch.revision == Revision(3) && batch.events.count == 2)
        #expect(events(set.take(id, from: store)) == [4, 4, 5])
        #expect(set.take(id, from: store) == .idle)
    }

    @Test func theBacklogAndATurnAreBoundedInBytesToo() throws {
        var store = KVStore()
        var set = WatcherSet(at: store.revision, backlogBytes: 2_500)
        let id = try set.add(WatchRequest(.all), to: store)
        for _ in 0..<10 {
            _ = try store.put(PutRequest(key: "k", value: Bytes([UInt8](repeating: 1, count: 1_000))))
            _ = set.advance(to: store)
        }
        // Whoever passes the bound is still taken whole; the rest is read from the history in turns as large.
        #expect(events(set.take(id, from: store)) == [2, 3, 4])
        #expect(events(set.take(id, from: store)) == [5, 6, 7])
        #expect(events(set.take(id, from: store)) == [8, 9, 10])
        #expect(events(set.take(id, from: store)) == [11])
        #expect(set.take(id, from: store) == .idle)
        let single = try set.add(WatchRequest(.key("k"), start: Revision(2)), to: store)
        #expect(events(set.take(single, from: store)) == [2, 3, 4])
    }

    @Test func aSlowWatcherIsToldThatItsHistoryWasCompacted() throws {
        var store = KVStore()
        var set = WatcherSet(at: store.revision, backlogLimit: 1)
        let id = try set.add(WatchRequest(.all), to: store)
        for _ in 0..<5 { try store.put("k") }
        _ = set.advance(to: store)
        try store.compact(at: Revision(5))
        #expect(events(set.take(id, from: store)) == [2], "the backlog is still whole")
        #expect(set.take(id, from: store) == .compacted(Revision(5)))
        #expect(set.take(id, from: store) == .unknown)
        #expect(set.count == 0)
    }

    @Test func aWatchOfCompactedHistoryOrAnEmptyRangeIsRefused() throws {
        var store = try Self.store(puts: 5)
        try store.compact(at: Revision(4))
        var set = WatcherSet(at: store.revision)
        let refused = error { _ = try set.add(WatchRequest(.all, start: Revision(3)), to: store) }
        #expect(refused?.code == .compacted && refused?.compactRevision == Revision(4))
        #expect(code { _ = try set.add(WatchRequest(.all, start: Revision(-1)), to: store) } == .compacted)
        #expect(code { _ = try set.add(WatchRequest(.range("b", "a")), to: store) } == .emptyRange)
        #expect(code { _ = try set.add(WatchRequest(.all, start: Revision(4)), to: store) } == nil)
    }

    @Test func aRemovedWatcherIsForgotten() throws {
        var store = KVStore()
        var set = WatcherSet(at: store.revision)
        let id = try set.add(WatchRequest(.all), to: store)
        set.remove(id)
        set.remove(id)
        try store.put("k")
        #expect(set.advance(to: store) == [])
        #expect(set.take(id, from: store) == .unknown && set.serve(from: store) == nil)
    }

    @Test func aBurstThatIsTooLongToHandOutIsReadFromHistory() throws {
        var store = KVStore()
        var set = WatcherSet(at: store.revision, scanLimit: 4)
        let id = try set.add(WatchRequest(.key("k")), to: store)
        for _ in 0..<10 { try store.put("k") }
        #expect(set.advance(to: store) == [id])
        var seen: [Int64] = []
        while let more = events(set.take(id, from: store)) { seen += more }
        #expect(seen == Array(2...11))
    }

    @Test func turnsAreTakenSoThatALongHistoryHoldsNobodyUp() throws {
        let store = try Self.store(puts: 1_000)
        var set = WatcherSet(at: store.revision)
        let greedy = try (0..<3).map { _ in try set.add(WatchRequest(.all, start: Revision(2)), to: store) }
        let modest = try set.add(WatchRequest(.all, start: Revision(1_000)), to: store)
        let firstRound = (0..<4).compactMap { _ in set.serve(from: store, limit: 10)?.id }
        #expect(firstRound == greedy + [modest])
        var turns: [WatcherID: Int] = [:]
        while let (id, _) = set.serve(from: store, limit: 10) {
            turns[id, default: 0] += 1
            let counts = greedy.map { turns[$0, default: 0] }
            #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
        }
        #expect(turns[modest] == nil && turns[greedy[0]] == 99)
    }
}
