import ApusCoordination
import ApusKV
import ApusPrimitives

extension CoordinationConformance {
    static let ranges: [Check] = [
        Check("a key that was never written is not there") { subject in
            try expectEqual(try await subject.value("a"), nil)
            try expectEqual(try await subject.names(), [])
        },
        Check("a list is in the order of the keys, and only of its prefix") { subject in
            for name in ["b/2", "a", "b/1", "c", "b", "b/10"] { try await subject.put(name) }
            try expectEqual(try await subject.names(), ["a", "b", "b/1", "b/10", "b/2", "c"])
            let list = try await subject.store.list(prefix: subject.key("b/"))
            try expectEqual(list.kvs.map { subject.name($0.key) }, ["b/1", "b/10", "b/2"])
        },
        Check("a limit says that there is more and how much") { subject in
            for index in 0..<5 { try await subject.put("k\(index)") }
            let some = try await subject.store.range(RangeRequest(subject.range, limit: 2))
            try expectEqual(some.kvs.map { subject.name($0.key) }, ["k0", "k1"])
            try expect(some.more && some.count == 5, "more \(some.more), count \(some.count)")
            let all = try await subject.store.range(RangeRequest(subject.range, limit: 5))
            try expect(!all.more, "there is no more")
        },
        Check("keys only, and counts only") { subject in
            try await subject.put("a", "value")
            let keys = try await subject.store.range(RangeRequest(subject.range, keysOnly: true))
            try expectEqual(keys.kvs.map(\.value), [.empty])
            let count = try await subject.store.range(RangeRequest(subject.range, countOnly: true))
            try expect(count.kvs.isEmpty && count.count == 1, "\(count)")
        },
        Check("sorting comes before the limit") { subject in
            for (name, value) in [("a", "2"), ("b", "3"), ("c", "1")] { try await subject.put(name, value) }
            let byValue = RangeRequest(subject.range, limit: 2, sortOrder: .descend, sortTarget: .value)
            try expectEqual(try await subject.store.range(byValue).kvs.map(\.value.text), ["3", "2"])
            let byRevision = RangeRequest(subject.range, sortOrder: .descend, sortTarget: .mod)
            try expectEqual(
                try await subject.store.range(byRevision).kvs.map { subject.name($0.key) }, ["c", "b", "a"])
        },
        Check("the past can be read until it is compacted") { subject in
            let first = try await subject.put("a", "1")
            let second = try await subject.put("a", "2")
            try await subject.store.delete(subject.key("a"))
            let then = try await subject.store.range(RangeRequest(subject.range, revision: first))
            try expectEqual(then.kvs.map(\.value.text), ["1"])
            try await subject.store.compact(at: second)
            let error = try await expect(.compacted) {
                _ = try await subject.store.range(RangeRequest(subject.range, revision: first))
            }
            if let named = error.compactRevision { try expectEqual(named, second) }
            let kept = try await subject.store.range(RangeRequest(subject.range, revision: second))
            try expectEqual(kept.kvs.map(\.value.text), ["2"])
            try await expect(.compacted) { try await subject.store.compact(at: first) }
        },
        Check("the future cannot be read or compacted") { subject in
            let future = Revision(rawValue: try await subject.revision().rawValue + 1_000)
            try await expect(.futureRevision) {
                _ = try await subject.store.range(RangeRequest(subject.range, revision: future))
            }
            try await expect(.futureRevision) { try await subject.store.compact(at: future) }
        },
        Check("a request without a key is refused") { subject in
            try await expect(.invalidRequest) { _ = try await subject.store.get(.empty) }
            try await expect(.invalidRequest) { try await subject.store.put(.empty, "x") }
        },
    ]
}
