import ApusPrimitives
import Testing

@testable import ApusKV

@Suite struct SnapshotTests {
    /// A store with a past, tombstones, leases and, mostly, a compaction.
    private static func store(seed: UInt64, commands: Int = 600) -> KVStore {
        var store = KVStore()
        var trace = RandomTrace(seed: seed)
        for _ in 0..<commands {
            trace.revision = store.revision.rawValue
            trace.compacted = store.compactedRevision.rawValue
            _ = outcome { () throws(KVError) in try store.apply(trace.command(), at: .zero) }
        }
        return store
    }

    private static func decode(_ chunks: some Sequence<[UInt8]>, at now: MonotonicTime = .zero) throws -> KVStore {
        var decoder = SnapshotDecoder()
        for chunk in chunks { try decoder.append(chunk) }
        return try decoder.finish(at: now)
    }

    /// All that can be asked of a store.
    private static func contents(_ store: KVStore) throws -> [[KeyValue]] {
        try (store.compactedRevision.rawValue...store.revision.rawValue).map {
            try store.range(RangeRequest(.all, revision: Revision($0))).kvs
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func aRestoredStoreAnswersAsTheOriginal(seed: UInt64) throws {
        let store = Self.store(seed: seed)
        let restored = try Self.decode(store.snapshotChunks(chunkBytes: Int(seed * seed)))
        #expect(restored.revision == store.revision && restored.compactedRevision == store.compactedRevision)
        #expect(try Self.contents(restored) == Self.contents(store))
        let from = max(Revision(1), store.compactedRevision)
        #expect(
            try restored.events(in: .all, from: from, limit: .max).events
                == store.events(in: .all, from: from, limit: .max).events)
        #expect(restored.leases.map(\.id) == store.leases.map(\.id))
        #expect(restored.leases.allSatisfy { restored.keys(attachedTo: $0.id) == store.keys(attachedTo: $0.id) })
        #expect(Array(restored.snapshotChunks()) == Array(store.snapshotChunks()))
        for map in [restored.live.defect, restored.past.defect, restored.log.defect] { #expect(map == nil) }
    }

    @Test func aRestoredStoreGoesOnAsTheOriginal() throws {
        var store = Self.store(seed: 21)
        var restored = try Self.decode(store.snapshotChunks())
        var trace = RandomTrace(seed: 22)
        for _ in 0..<2_000 {
            trace.revision = store.revision.rawValue
            trace.compacted = store.compactedRevision.rawValue
            let command = trace.command()
            let mine = outcome { () throws(KVError) in try restored.apply(command, at: .zero) }
            #expect(mine == outcome { () throws(KVError) in try store.apply(command, at: .zero) })
        }
        #expect(Array(restored.snapshotChunks()) == Array(store.snapshotChunks()))
    }

    @Test func aSnapshotIsTakenOfOneMoment() throws {
        var store = KVStore()
        for index in 0..<50 { try store.put(Bytes("key \(index)")) }
        let expected = Array(store.snapshotChunks(chunkBytes: 64))
        var chunks = store.snapshotChunks(chunkBytes: 64)
        var actual: [[UInt8]] = []
        while let chunk = chunks.next() {
            actual.append(chunk)
            try store.put(Bytes("later \(actual.count)"))
        }
        #expect(actual == expected && actual.count > 5)
    }

    @Test func leasesStartAnewWhenRestored() throws {
        var store = KVStore()
        try store.grant(LeaseID(7), ttlSeconds: 10, at: .zero)
        let restored = try Self.decode(store.snapshotChunks(), at: at(500))
        #expect(restored.lease(LeaseID(7))?.expires == at(510))
        #expect(restored.expiries.count == 1)
    }

    @Test func theBytesMayComeInPiecesOfAnySize() throws {
        let store = Self.store(seed: 24)
        let bytes = store.snapshotChunks().flatMap { $0 }
        for size in [1, 3, 7, 1_000] {
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            #expect(try Self.contents(Self.decode(pieces)) == Self.contents(store))
        }
    }

    @Test func aSnapshotThatEndsEarlyIsRefused() throws {
        let bytes = Self.store(seed: 25, commands: 60).snapshotChunks(chunkBytes: 50).flatMap { $0 }
        for length in 0..<bytes.count {
            #expect(code { _ = try Self.decode([Array(bytes[..<length])]) } == .malformed)
        }
        #expect(code { _ = try Self.decode([bytes, [0]]) } == .malformed, "bytes follow the end")
    }

    /// What is accepted in spite of the damage must be a store that works.
    @Test func damagedSnapshotsAreRefusedOrDecodeToASoundStore() {
        var trace = RandomTrace(seed: 26)
        let originals = (1...10).map {
            Self.store(seed: $0, commands: 80).snapshotChunks(chunkBytes: 200).flatMap { $0 }
        }
        for round in 0..<4_000 {
            var bytes = originals[round % originals.count]
            trace.damage(&bytes)
            do {
                var store = try Self.decode([bytes])
                _ = try store.range(RangeRequest(.all))
                _ = try store.events(in: .all, from: store.compactedRevision, limit: .max)
                for lease in store.leases { try store.revoke(lease.id) }
                _ = try store.delete(DeleteRangeRequest(.all))
                for key in try store.keys() { try store.put(key) }
                _ = outcome { () throws(KVError) in try store.compact(at: store.revision) }
            } catch {
                #expect((error as? KVError)?.code == .malformed)
            }
        }
    }
}
