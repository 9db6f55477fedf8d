import ApusCoordination
import ApusKV
import ApusPrimitives

extension CoordinationConformance {
    static let transactions: [Check] = [
        Check("a transaction takes one branch, at one revision") { subject in
            let before = try await subject.put("a", "1")
            let request = TxnRequest(
                compares: [Compare(key: subject.key("a"), .value("1"))],
                success: [subject.write("b"), subject.write("c"), .range(RangeRequest(.key(subject.key("b"))))],
                failure: [subject.write("d")])
            let first = try await subject.store.txn(request)
            try expect(first.succeeded && first.revision == before.next, "\(first)")
            guard case .range(let read)? = first.responses.last else {
                throw Violation(description: "\(first.responses) are no answers to two puts and a range")
            }
            try expectEqual(read.kvs.first?.modRevision, first.revision)
            try await subject.put("a", "2")
            try expectEqual(try await subject.store.txn(request).succeeded, false)
            try expectEqual(try await subject.names(), ["a", "b", "c", "d"])
            let list = try await subject.store.list(prefix: subject.prefix).kvs
            try expectEqual(list[1].modRevision, list[2].modRevision)
        },
        Check("every comparison compares") { subject in
            let lease = try await subject.store.grantLease(ttlSeconds: 60)
            let created = try await subject.put("a", "1")
            let changed = try await subject.put("a", "2", lease: lease.id)
            let key = subject.key("a")
            let absent = subject.key("absent")
            let cases: [(Compare, Bool)] = [
                (Compare(key: key, .version(2)), true), (Compare(key: key, .version(2), .greater), false),
                (Compare(key: key, .version(3), .less), true), (Compare(key: key, .create(created)), true),
                (Compare(key: key, .create(changed), .notEqual), true), (Compare(key: key, .mod(changed)), true),
                (Compare(key: key, .mod(created), .greater), true), (Compare(key: key, .value("2")), true),
                (Compare(key: key, .value("1"), .greater), true), (Compare(key: key, .lease(lease.id)), true),
                (Compare(key: key, .lease(.none)), false), (.absent(absent), true), (.exists(absent), false),
                (.absent(key), false), (.exists(key), true), (.unchanged(key, since: changed), true),
                (.unchanged(absent, since: .zero), true), (Compare(key: absent, .value("")), false),
                (Compare(subject.range, .version(2)), true), (Compare(subject.range, .version(1)), false),
            ]
            for (compare, holds) in cases {
                let response = try await subject.store.txn(TxnRequest(compares: [compare]))
                try expect(response.succeeded == holds, "\(compare) is \(response.succeeded)")
            }
            try await subject.store.revokeLease(lease.id)
        },
        Check("transactions nest") { subject in
            let inner = TxnRequest(
                compares: [.absent(subject.key("a"))], success: [subject.write("b")], failure: [subject.write("c")])
            let response = try await subject.store.txn(
                TxnRequest(compares: [], success: [subject.write("x"), .txn(inner)]))
            try expectEqual(try await subject.names(), ["b", "x"])
            guard case .txn(let nested)? = response.responses.last else {
                throw Violation(description: "\(response.responses)")
            }
            try expect(nested.succeeded, "the inner comparison holds")
        },
        Check("a transaction that only reads is no change") { subject in
            let before = try await subject.put("a")
            let read = TxnRequest(compares: [.exists(subject.key("a"))], success: [.range(RangeRequest(subject.range))])
            try expectEqual(try await subject.store.txn(read).revision, before)
            try expectEqual(try await subject.revision(), before)
        },
        Check("a refused transaction changes nothing") { subject in
            let before = try await subject.put("a")
            try await expect(.invalidRequest) {
                _ = try await subject.store.txn(TxnRequest(success: [subject.write("b"), subject.write("b")]))
            }
            try await expect(.invalidRequest) {
                _ = try await subject.store.txn(TxnRequest(success: (0..<129).map { subject.write("many\($0)") }))
            }
            try await expect(.leaseNotFound) {
                let leased = PutRequest(key: subject.key("c"), value: "", lease: LeaseID(rawValue: 4_711))
                _ = try await subject.store.txn(TxnRequest(success: [subject.write("b"), .put(leased)]))
            }
            try expectEqual(try await subject.names(), ["a"])
            try expectEqual(try await subject.revision(), before)
        },
        Check("of those who write a key when it is absent, one does") { subject in
            let winners = try await withThrowingTaskGroup { group in
                for writer in 0..<16 {
                    group.addTask {
                        try await subject.store.putIfAbsent(subject.key("lock"), Bytes("\(writer)")) != nil
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            try expectEqual(winners, 1)
        },
        Check("nobody's increment is lost to compare and swap") { subject in
            try await withThrowingTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<10 { try await subject.increment("counter") }
                    }
                }
                try await group.waitForAll()
            }
            try expectEqual(try await subject.value("counter"), "80")
        },
    ]
}

extension CoordinationConformance.Subject {
    func write(_ name: String, _ value: Bytes = "") -> Operation {
        .put(PutRequest(key: key(name), value: value))
    }

    fileprivate func increment(_ name: String) async throws {
        while true {
            let kv = try await store.get(key(name))
            let next = (Int(kv?.value.text ?? "0") ?? 0) + 1
            let written = try await store.compareAndSwap(
                key(name), Bytes("\(next)"), since: kv?.modRevision ?? .zero)
            if written != nil { return }
        }
    }
}
