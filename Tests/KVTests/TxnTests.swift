import ApusKV
import ApusPrimitives
import Testing

@Suite struct TxnTests {
    private func refusal(_ operations: [Operation]) -> KVError.Code? {
        var store = KVStore()
        let code = code { _ = try store.txn(TxnRequest(success: operations)) }
        #expect(code == nil || store.revision == Revision(1), "a refused transaction changes nothing")
        return code
    }

    @Test func theComparesChooseTheBranch() throws {
        var store = KVStore()
        let request = TxnRequest(
            compares: [.absent("a")], success: [put("a", "then")], failure: [put("a", "else"), get("a")])
        #expect(try store.txn(request).succeeded)
        let second = try store.txn(request)
        #expect(!second.succeeded && second.revision == Revision(3))
        guard case .range(let read) = second.responses.last else {
            Issue.record("the second operation is a range")
            return
        }
        #expect(read.kvs.first?.value == "else", "a read sees the writes before it")
        #expect(read.revision == Revision(3))
    }

    @Test func allOperationsShareOneRevision() throws {
        var store = KVStore()
        try store.put("old")
        let nested = TxnRequest(success: [put("c")])
        let response = try store.txn(TxnRequest(success: [put("a"), put("b"), delete(.key("old")), .txn(nested)]))
        #expect(response.revision == Revision(3) && store.revision == Revision(3))
        #expect(try store.range(RangeRequest(.all)).kvs.allSatisfy { $0.modRevision == Revision(3) })
        #expect(try store.keys(at: 2) == ["old"])
    }

    @Test func aTransactionThatChangesNothingLeavesTheRevision() throws {
        var store = KVStore()
        try store.put("a")
        let response = try store.txn(TxnRequest(success: [get("a"), delete(.key("b"))]))
        #expect(response.revision == Revision(2) && store.revision == Revision(2))
    }

    @Test func aReadOfTheRevisionBeforeDoesNotSeeTheTransaction() throws {
        var store = KVStore()
        try store.put("a", "old")
        let old = Operation.range(RangeRequest(.all, revision: Revision(2)))
        let response = try store.txn(TxnRequest(success: [put("a", "new"), old]))
        guard case .range(let read) = response.responses[1] else {
            Issue.record("the second operation is a range")
            return
        }
        #expect(read.kvs.map(\.value) == ["old"])
        #expect(
            code { _ = try store.txn(TxnRequest(success: [old, .range(RangeRequest(.all, revision: Revision(4)))])) }
                == .futureRevision)
    }

    @Test func aNegativeRevisionIsNowOutsideOfATransactionAndCompactedInside() throws {
        var store = KVStore()
        try store.put("a")
        try store.compact(at: Revision(2))
        #expect(try store.keys(at: -1) == ["a"])
        let read = Operation.range(RangeRequest(.all, revision: Revision(-1)))
        #expect(code { _ = try store.txn(TxnRequest(success: [read])) } == .compacted)
    }

    @Test func comparesOfNestedTransactionsSeeTheStoreBefore() throws {
        var store = KVStore()
        let nested = TxnRequest(compares: [.exists("a")], success: [put("yes")], failure: [put("no")])
        _ = try store.txn(TxnRequest(success: [put("a"), .txn(nested)]))
        #expect(try store.keys() == ["a", "no"])
    }

    @Test func aKeyMayBePutOnceOnAPath() {
        #expect(refusal([put("a"), put("a")]) == .duplicateKey)
        #expect(refusal([put("a"), .txn(TxnRequest(success: [put("a")]))]) == .duplicateKey)
        #expect(
            refusal([.txn(TxnRequest(success: [put("a")])), .txn(TxnRequest(failure: [put("a")]))]) == .duplicateKey)
        #expect(refusal([.txn(TxnRequest(success: [put("a")], failure: [put("a")]))]) == nil)
    }

    @Test func aPutMayNotMeetADeletionOfItsBranch() {
        #expect(refusal([put("a"), delete(.key("a"))]) == .duplicateKey)
        #expect(refusal([delete(.range("a", "c")), put("b")]) == .duplicateKey)
        #expect(refusal([delete(.range("a", "c")), put("c")]) == nil)
        #expect(refusal([delete(.range("a", "c")), .txn(TxnRequest(success: [put("b")]))]) == .duplicateKey)
        #expect(refusal([put("b"), .txn(TxnRequest(failure: [delete(.key("b"))]))]) == .duplicateKey)
        #expect(refusal([delete(.range("a", "c")), delete(.range("b", "d"))]) == nil)
        #expect(refusal([.txn(TxnRequest(success: [delete(.key("a"))], failure: [put("a")]))]) == nil)
        let message = error {
            var store = KVStore(); _ = try store.txn(TxnRequest(success: [put("a"), put("a")]))
        }?.message
        #expect(message == "etcdserver: duplicate key given in txn request")
    }

    /// etcd 3.4 to 3.6 do not find these overlaps, so clients may rely on them.
    @Test func overlapsThatEtcdLetsPassHappenInTheirOrder() throws {
        var store = KVStore()
        _ = try store.txn(TxnRequest(success: [put("b"), delete(.from("a"))]))
        #expect(try store.keys() == [])
        _ = try store.txn(TxnRequest(success: [delete(.from("a")), put("b")]))
        #expect(try store.keys() == ["b"])
        let siblings = [TxnRequest(success: [put("s")]), TxnRequest(success: [delete(.key("s"))])]
        _ = try store.txn(TxnRequest(success: siblings.map { .txn($0) }))
        #expect(try store.get("s") == nil)
        let events = try store.events(in: .all, from: Revision(2), limit: 10).events
        #expect(events.map(\.kind) == [.put, .delete, .put, .put, .delete])
        #expect(events.allSatisfy { $0.previous == nil })
    }

    /// etcd 3.4 panics here.
    @Test func aPutCannotKeepTheValueOfAKeyThatTheTransactionDeletesFirst() throws {
        var store = KVStore()
        try store.put("b", "1")
        let keeping = Operation.put(PutRequest(key: "b", value: "", ignoreValue: true))
        #expect(code { _ = try store.txn(TxnRequest(success: [delete(.from("a")), keeping])) } == .keyNotFound)
        #expect(try store.get("b")?.value == "1" && store.revision == Revision(2))
        _ = try store.txn(TxnRequest(success: [keeping, delete(.from("a"))]))
        #expect(try store.keys() == [])
    }

    @Test func aTransactionHasABudgetOf128Operations() {
        let full = (0..<128).map { put(Bytes("k\($0)")) }
        #expect(refusal(full) == nil)
        let refused = error {
            var store = KVStore()
            _ = try store.txn(TxnRequest(success: full + [put("one more")]))
        }
        #expect(refused?.message == "etcdserver: too many operations in txn request")
        let compares = (0..<129).map { Compare.absent(Bytes("k\($0)")) }
        var store = KVStore()
        #expect(code { _ = try store.txn(TxnRequest(compares: compares)) } == .tooManyOperations)
    }

    @Test func nestedTransactionsShareTheBudget() {
        let nested = Operation.txn(TxnRequest(success: (0..<64).map { put(Bytes("n\($0)")) }))
        let beside = (0..<63).map { put(Bytes("k\($0)")) }
        #expect(refusal([nested] + beside) == nil)
        #expect(refusal([nested] + beside + [put("k63"), put("k64")]) == .tooManyOperations)
    }

    @Test func everythingIsCheckedBeforeAnythingChanges() {
        #expect(refusal([put("a"), .put(PutRequest(key: "b", value: "", ignoreValue: true))]) == .keyNotFound)
        #expect(refusal([put("a"), .put(PutRequest(key: "b", value: "", lease: LeaseID(9)))]) == .leaseNotFound)
        #expect(refusal([put("a"), .range(RangeRequest(.all, revision: Revision(9)))]) == .futureRevision)
        #expect(refusal([put("a"), .txn(TxnRequest(success: [put("")]))]) == .emptyKey)
        #expect(refusal([put("a"), delete(KeyRange(key: ""))]) == .emptyKey)
        #expect(refusal([put("a"), .range(RangeRequest(KeyRange(key: "")))]) == .emptyKey)
        #expect(refusal([put("a"), .put(PutRequest(key: "b", value: "x", ignoreValue: true))]) == .valueProvided)
    }

    @Test func aBranchThatDoesNotRunIsCheckedOnlyForItsForm() throws {
        var store = KVStore()
        let future = Operation.range(RangeRequest(.all, revision: Revision(9)))
        _ = try store.txn(TxnRequest(success: [put("a")], failure: [future]))
        #expect(code { _ = try store.txn(TxnRequest(failure: [put("")])) } == .emptyKey)
        #expect(code { _ = try store.txn(TxnRequest(failure: [put("b"), put("b")])) } == .duplicateKey)
    }
}

@Suite struct CompareTests {
    private static func holds(_ compare: Compare) throws -> Bool {
        var store = KVStore()
        try store.grant(LeaseID(7), ttlSeconds: 10, at: .zero)
        try store.put("a", "1")
        try store.put("a", "2", lease: LeaseID(7))
        try store.put("b", "2")
        return try store.txn(TxnRequest(compares: [compare])).succeeded
    }

    @Test func everyTargetAndEveryResult() throws {
        let targets: [(Compare.Target, Compare.Target, Compare.Target)] = [
            (.version(1), .version(2), .version(3)), (.create(Revision(1)), .create(Revision(2)), .create(Revision(3))),
            (.mod(Revision(2)), .mod(Revision(3)), .mod(Revision(4))), (.value("1"), .value("2"), .value("3")),
            (.lease(LeaseID(6)), .lease(LeaseID(7)), .lease(LeaseID(8))),
        ]
        for (less, same, more) in targets {
            #expect(try Self.holds(Compare(key: "a", same)))
            #expect(try !Self.holds(Compare(key: "a", less)))
            #expect(try Self.holds(Compare(key: "a", less, .greater)))
            #expect(try !Self.holds(Compare(key: "a", same, .greater)))
            #expect(try Self.holds(Compare(key: "a", more, .less)))
            #expect(try !Self.holds(Compare(key: "a", same, .less)))
            #expect(try Self.holds(Compare(key: "a", more, .notEqual)))
            #expect(try !Self.holds(Compare(key: "a", same, .notEqual)))
        }
    }

    @Test func anAbsentKeyComparesAsZeroButNeverByValue() throws {
        for target in [.version(0), .create(.zero), .mod(.zero), .lease(.none)] as [Compare.Target] {
            #expect(try Self.holds(Compare(key: "x", target)))
        }
        for result in Compare.Result.allCases {
            #expect(try !Self.holds(Compare(key: "x", .value(""), result)))
        }
    }

    @Test func aRangeComparesEveryKey() throws {
        #expect(try Self.holds(Compare(.all, .value("2"))))
        #expect(try !Self.holds(Compare(.all, .version(2))))
        #expect(try Self.holds(Compare(.prefix("x"), .version(0))))
        #expect(try Self.holds(Compare(.from("a"), .create(.zero), .greater)))
    }

    @Test func theConveniencesSayWhatTheyMean() throws {
        #expect(try Self.holds(.exists("a")) && !Self.holds(.exists("x")))
        #expect(try Self.holds(.absent("x")) && !Self.holds(.absent("a")))
        #expect(try Self.holds(.unchanged("a", since: Revision(3))) && !Self.holds(.unchanged("a", since: Revision(2))))
        #expect(try Self.holds(.unchanged("x", since: .zero)))
    }

    @Test func aCompareWithoutAKeyIsRefused() {
        #expect(code { _ = try Self.holds(.absent("")) } == .emptyKey)
    }
}
