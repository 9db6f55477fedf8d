import ApusPrimitives
import Testing

@testable import ApusKV

@Suite struct ScaleTests {
    private static let size = 200_000

    @Test func manyKeysStayShallowAndTheirHistoryIsGivenBack() throws {
        var store = KVStore()
        for index in 0..<Self.size {
            // 40507 is prime, and so to the size: every key once, far from in order.
            let key = index * 40_507 % Self.size
            try store.put(Bytes("registry/\(key)"), "v")
        }
        #expect(store.count == Self.size)
        #expect(store.live.depth <= 5 && store.log.depth <= 5)
        #expect(try store.range(RangeRequest(.prefix("registry/1"), countOnly: true)).count == 111_111)
        #expect(try store.range(RangeRequest(.all, limit: 3)).kvs.count == 3)

        let liveNodes = store.live.nodeCount
        weak let replaced = store.live["registry/7"]
        for _ in 0..<2 {
            for index in 0..<10_000 { try store.put(Bytes("registry/\(index)"), "w") }
        }
        try store.put("gone")
        try store.delete(.key("gone"))
        #expect(store.past.count == 20_002)
        try store.compact(at: store.revision)
        #expect(store.past.count == 1, "the deletion at the compacted revision, for watchers that start there")
        #expect(store.log.count == 1)
        #expect(store.past.nodeCount + store.log.nodeCount == 2)
        #expect(store.live.nodeCount <= liveNodes + 1)
        #expect(replaced == nil, "the memory of an old version is freed")

        #expect(try store.delete(.prefix("registry/19")) == 11_111)
        try store.compact(at: store.revision)
        try store.put("last")
        try store.compact(at: store.revision)
        #expect(store.past.isEmpty && store.log.count == 1)
        let minimum = PersistentMap<Bytes, Record>.minimum
        #expect(store.live.nodeCount < store.live.count / minimum * 11 / 10 && store.live.defect == nil)
    }
}
