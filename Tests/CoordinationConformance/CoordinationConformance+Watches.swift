import ApusCoordination
import ApusKV
import ApusPrimitives

extension CoordinationConformance {
    static let watches: [Check] = [
        Check("a watch shows what happens after it was set up") { subject in
            try await subject.put("a", "before")
            var events = EventReader(try await subject.store.watch(subject.range))
            try await subject.put("a", "1")
            try await subject.store.put(subject.prefix, "the end of the prefix is its first key")
            try await subject.store.delete(subject.key("a"))
            try expectEqual(try await events.next(3).map(\.kind), [.put, .put, .delete])
        },
        Check("a watch from the past shows all since then") { subject in
            let first = try await subject.put("a", "1")
            try await subject.put("a", "2")
            try await subject.store.delete(subject.key("a"))
            var events = EventReader(try await subject.store.watch(subject.range, from: first))
            let seen = try await events.next(3)
            try expectEqual(seen.map(\.kv.value.text), ["1", "2", ""])
            try expectEqual(seen.map(\.revision), [first, first.next, first.next.next])
            try await subject.put("a", "3")
            try expectEqual(try await events.next(1).map(\.kv.value.text), ["3"])
        },
        Check("a watch from the future waits for it") { subject in
            let now = try await subject.put("a", "1")
            var events = EventReader(try await subject.store.watch(subject.range, from: now.next.next))
            try await subject.put("a", "2")
            try await subject.put("a", "3")
            try expectEqual(try await events.next(1).map(\.kv.value.text), ["3"])
        },
        Check("a watch shows its range only") { subject in
            var one = EventReader(try await subject.store.watch(.key(subject.key("b"))))
            var some = EventReader(try await subject.store.watch(.range(subject.key("b"), subject.key("d"))))
            for name in ["a", "b", "bb", "c", "d"] { try await subject.put(name) }
            try await subject.put("b", "last")
            try expectEqual(try await one.next(2).map(\.kv.value.text), ["", "last"])
            try expectEqual(try await some.next(4).map { subject.name($0.kv.key) }, ["b", "bb", "c", "b"])
        },
        Check("a watch leaves out what it is told to, and shows what was before") { subject in
            let request = WatchRequest(subject.range, noPut: true, previous: true)
            var events = EventReader(try await subject.store.watch(request))
            try await subject.put("a", "1")
            try await subject.store.delete(subject.key("a"))
            let seen = try await events.next(1)
            try expectEqual(seen.map(\.kind), [.delete])
            try expectEqual(seen.first?.previous?.value.text, "1")
        },
        Check("the changes of one revision come together") { subject in
            let watch = try await subject.store.watch(subject.range)
            _ = try await subject.store.txn(TxnRequest(success: (0..<100).map { subject.write("k\($0)") }))
            var iterator = watch.makeAsyncIterator()
            let batch = try await iterator.next()
            try expectEqual(batch?.events.count, 100)
            try expect(batch.map { $0.revision >= $0.events[0].revision } == true, "\(String(describing: batch))")
        },
        Check("no change is missing, doubled or out of order while others write") { subject in
            let (writers, steps) = (8, 60)
            try await withThrowingTaskGroup { group in
                for slow in [false, true] {
                    let watch = try await subject.store.watch(subject.range)
                    group.addTask {
                        var events = EventReader(watch, yieldsBetween: slow)
                        let seen = try await events.next(writers * steps)
                        let revisions = seen.map(\.revision.rawValue)
                        try expect(zip(revisions, revisions.dropFirst()).allSatisfy { $0 < $1 }, "out of order")
                        for writer in 0..<writers {
                            let own = seen.filter { subject.name($0.kv.key) == "w\(writer)" }
                            try expectEqual(own.map(\.kv.value.text), (0..<steps).map { "\($0)" })
                        }
                    }
                }
                for writer in 0..<writers {
                    group.addTask {
                        for step in 0..<steps { try await subject.put("w\(writer)", "\(step)") }
                    }
                }
                try await group.waitForAll()
            }
        },
        Check("a consumer that is far behind gets everything from history") { subject in
            let watch = try await subject.store.watch(subject.range)
            for index in 0..<3_000 { try await subject.put("k", "\(index)") }
            var events = EventReader(watch)
            try expectEqual(try await events.next(3_000).map(\.kv.value.text), (0..<3_000).map { "\($0)" })
        },
        Check("a watch from what was compacted is told so") { subject in
            let first = try await subject.put("a", "1")
            try await subject.put("a", "2")
            let third = try await subject.put("a", "3")
            try await subject.store.compact(at: third)
            let error = try await expect(.compacted) {
                let watch = try await subject.store.watch(subject.range, from: first)
                for try await _ in watch {}
            }
            try expectEqual(error.compactRevision, third)
            var events = EventReader(try await subject.store.watch(subject.range, from: third))
            try expectEqual(try await events.next(1).map(\.kv.value.text), ["3"])
        },
        Check("a watch that has nothing to catch up with outlives a compaction") { subject in
            var events = EventReader(try await subject.store.watch(subject.range))
            let outside = Bytes([0]) + subject.prefix
            for _ in 0..<10 { try await subject.store.put(outside, "x") }
            try await subject.store.compact(at: try await subject.revision())
            try await subject.put("a", "1")
            try expectEqual(try await events.next(1).map(\.kv.value.text), ["1"])
            try await subject.store.delete(outside)
        },
        Check("a watch shows what a lease takes along, at one revision") { subject in
            let lease = try await subject.store.grantLease(ttlSeconds: 60)
            for name in ["a", "b"] { try await subject.put(name, lease: lease.id) }
            var events = EventReader(try await subject.store.watch(subject.range))
            try await subject.store.revokeLease(lease.id)
            let seen = try await events.next(2)
            try expectEqual(seen.map(\.kind), [.delete, .delete])
            try expectEqual(seen[0].revision, seen[1].revision)
        },
        Check("a cancelled consumer ends, and the store goes on") { subject in
            let watch = try await subject.store.watch(subject.range)
            let consumer = Task {
                for try await _ in watch {}
            }
            consumer.cancel()
            do {
                try await consumer.value
                throw Violation(description: "the watch ended without an error")
            } catch is CancellationError {}
            let other = try await subject.store.watch(subject.range)
            other.cancel()
            do {
                var iterator = other.makeAsyncIterator()
                _ = try await iterator.next()
                throw Violation(description: "the watch ended without an error")
            } catch is CancellationError {}
            try await subject.put("a")
        },
        Check("a watch on no range is refused") { subject in
            try await expect(.invalidRequest) {
                _ = try await subject.store.watch(.range(subject.key("b"), subject.key("a")))
            }
        },
    ]
}

/// Takes single events from the batches of a watch.
struct EventReader {
    private var iterator: CoordinationWatch.Iterator
    private var waiting: [Event] = []
    private let yieldsBetween: Bool

    init(_ watch: CoordinationWatch, yieldsBetween: Bool = false) {
        iterator = watch.makeAsyncIterator()
        self.yieldsBetween = yieldsBetween
    }

    mutating func next(_ count: Int) async throws -> [Event] {
        while waiting.count < count {
            if yieldsBetween { await Task.yield() }
            guard let batch = try await iterator.next() else { break }
            waiting += batch.events
        }
        defer { waiting.removeFirst(min(count, waiting.count)) }
        return Array(waiting.prefix(count))
    }
}
