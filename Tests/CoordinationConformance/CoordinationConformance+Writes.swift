import ApusCoordination
import ApusKV
import ApusPrimitives

extension CoordinationConformance {
    static let writes: [Check] = [
        Check("every write has the next revision, and the key says which") { subject in
            let first = try await subject.put("a", "1")
            let second = try await subject.put("a", "2")
            try expectEqual(second, first.next)
            guard let kv = try await subject.store.get(subject.key("a")) else {
                throw Violation(description: "the key is not there")
            }
            try expectEqual(kv.createRevision, first)
            try expectEqual(kv.modRevision, second)
            try expectEqual(kv.version, 2)
            try await subject.store.delete(subject.key("a"))
            let again = try await subject.put("a", "3")
            guard let reborn = try await subject.store.get(subject.key("a")) else {
                throw Violation(description: "the key is not there")
            }
            try expect(reborn.version == 1 && reborn.createRevision == again, "\(reborn)")
        },
        Check("keys and values are any bytes") { subject in
            let key = subject.prefix + Bytes([0, 1, 0xFF, 0xFE, 0])
            let values = [Bytes.empty, Bytes(Array(0...255)), Bytes([UInt8](repeating: 7, count: 1_000_000))]
            for value in values {
                try await subject.store.put(key, value)
                try expect(try await subject.store.get(key)?.value == value, "\(value.count) bytes changed")
            }
        },
        Check("a put answers with what was there, when asked") { subject in
            let fresh = try await subject.store.put(PutRequest(key: subject.key("a"), value: "1", previous: true))
            try expectEqual(fresh.previous, nil)
            let second = try await subject.store.put(PutRequest(key: subject.key("a"), value: "2", previous: true))
            try expectEqual(second.previous?.value, "1")
        },
        Check("a put can keep the value or the lease of its key") { subject in
            let lease = try await subject.store.grantLease(ttlSeconds: 60)
            try await subject.put("a", "1", lease: lease.id)
            _ = try await subject.store.put(PutRequest(key: subject.key("a"), value: "2", ignoreLease: true))
            _ = try await subject.store.put(
                PutRequest(key: subject.key("a"), value: .empty, lease: lease.id, ignoreValue: true))
            let kv = try await subject.store.get(subject.key("a"))
            try expect(kv?.value == "2" && kv?.lease == lease.id, "\(String(describing: kv))")
            try await expect(.keyNotFound) {
                _ = try await subject.store.put(
                    PutRequest(key: subject.key("absent"), value: .empty, ignoreValue: true))
            }
            try await expect(.invalidRequest) {
                _ = try await subject.store.put(PutRequest(key: subject.key("a"), value: "x", ignoreValue: true))
            }
            try await subject.store.revokeLease(lease.id)
        },
        Check("a range is deleted at one revision") { subject in
            for name in ["a", "b", "c"] { try await subject.put(name) }
            let before = try await subject.revision()
            let request = DeleteRangeRequest(.range(subject.key("a"), subject.key("c")), previous: true)
            let response = try await subject.store.delete(request)
            try expectEqual(response.deleted, 2)
            try expectEqual(response.previous.map { subject.name($0.key) }, ["a", "b"])
            try expectEqual(response.revision, before.next)
            try expectEqual(try await subject.names(), ["c"])
        },
        Check("what deletes nothing is no change") { subject in
            let before = try await subject.put("a")
            try expectEqual(try await subject.store.delete(subject.key("absent")), false)
            try expectEqual(try await subject.revision(), before)
        },
        Check("a write is seen by every read that begins after it returned") { subject in
            try await withThrowingTaskGroup { group in
                for writer in 0..<8 {
                    group.addTask {
                        for step in 0..<25 {
                            let revision = try await subject.put("w\(writer)", "\(step)")
                            let read = try await subject.store.range(RangeRequest(.key(subject.key("w\(writer)"))))
                            try expectEqual(read.kvs.first?.value.text, "\(step)")
                            try expect(read.revision >= revision, "the store went back to \(read.revision)")
                        }
                    }
                }
                try await group.waitForAll()
            }
        },
    ]
}
