import ApusKV
import ApusPrimitives
import Testing

@Suite struct HashTests {
    /// What etcd 3.5.1 answered to HashKV after the very same changes.
    @Test func theHashIsEtcds() throws {
        var store = KVStore()
        #expect(try store.hash() == 1_084_519_789)
        for (key, value) in [("a", "1"), ("b", "2"), ("c", "3")] as [(Bytes, Bytes)] {
            _ = try store.put(PutRequest(key: key, value: value))
        }
        #expect(try store.hash() == 962_318_141)
        _ = try store.delete(DeleteRangeRequest(.key("b")))
        let operations: [Operation] = [
            .put(PutRequest(key: "d", value: "4")), .put(PutRequest(key: "a", value: "5")),
            .delete(DeleteRangeRequest(.key("c"))),
        ]
        _ = try store.txn(TxnRequest(success: operations))
        try store.grant(LeaseID(100), ttlSeconds: 1_000, at: .zero)
        _ = try store.put(PutRequest(key: "e", value: "", lease: LeaseID(100)))
        _ = try store.put(PutRequest(key: "b", value: "again"))
        #expect(try store.hash() == 3_123_486_798)
        #expect(try store.hash(at: Revision(4)) == 962_318_141)
        #expect(try store.hash(at: Revision(6)) == 996_609_309)

        try store.compact(at: Revision(6))
        #expect(try store.hash() == 1_774_080_153)
        #expect(throws: KVError.self) { try store.hash(at: Revision(6)) }
        #expect(try store.hash(at: Revision(7)) == 3_339_202_965)
        _ = try store.put(PutRequest(key: "a", value: "6"))
        _ = try store.delete(DeleteRangeRequest(.key("b")))
        _ = try store.put(PutRequest(key: "f", value: "7"))
        #expect(try store.hash() == 1_845_555_479)
        #expect(try store.hash(at: Revision(8)) == 1_774_080_153)
        #expect(try store.hash(at: Revision(9)) == 789_956_841)
        #expect(throws: KVError.self) { try store.hash(at: Revision(12)) }
        _ = try store.delete(DeleteRangeRequest(.all))
        #expect(try store.hash() == 3_235_716_566)
        #expect(try store.hash(at: Revision(-1)) == KVStore().hash())
    }

    @Test func whatIsStoredIsCounted() throws {
        var store = KVStore()
        #expect(store.storedBytes == 0)
        for round in 0..<10 { _ = try store.put(PutRequest(key: "k", value: Bytes("value \(round)"))) }
        let full = store.storedBytes
        #expect(full > 10 * 8)
        var decoder = SnapshotDecoder()
        for chunk in store.snapshotChunks() { try decoder.append(chunk) }
        #expect(try decoder.finish(at: .zero).storedBytes == full)
        try store.compact(at: store.revision)
        #expect(store.storedBytes < full / 5)
        _ = try store.delete(DeleteRangeRequest(.all))
        try store.compact(at: store.revision)
        _ = try store.put(PutRequest(key: "l", value: ""))
        try store.compact(at: store.revision)
        #expect(store.storedBytes > 0 && store.storedBytes < 200)
    }
}
