import ApusCoordination
import ApusKV
import ApusPrimitives
import Logging
import TestSupport
import Testing

@Suite struct EmbeddedStoreTests {
    @Test func `serves reads, writes and watches without run`() async throws {
        let store = EmbeddedStore()
        let watch = try await store.watch(.prefix("a"))
        let revision = try await store.put("a", "1")
        #expect(try await store.get("a")?.value == "1")
        var iterator = watch.makeAsyncIterator()
        let batch = try #require(try await iterator.next())
        #expect(batch.revision == revision)
        #expect(batch.events.map(\.kv.value) == ["1"])
    }

    @Test func `a cancelled consumer leaves no watcher behind`() async throws {
        let store = EmbeddedStore()
        let consumers = try await withThrowingTaskGroup { group in
            for _ in 0..<20 {
                let watch = try await store.watch(.all)
                group.addTask {
                    for try await _ in watch {}
                }
            }
            #expect(store.watcherCount == 20)
            group.cancelAll()
            var ended = 0
            while let result = await group.nextResult() {
                #expect(throws: CancellationError.self) { try result.get() }
                ended += 1
            }
            return ended
        }
        #expect(consumers == 20)
        #expect(store.watcherCount == 0)
    }

    @Test func `a watch that nobody holds is removed`() async throws {
        let store = EmbeddedStore()
        _ = try await store.watch(.all)
        #expect(store.watcherCount == 0)
    }

    @Test func `leases expire and history shrinks while run runs`() async throws {
        let time = ManualTime()
        var limits = EmbeddedStoreLimits()
        limits.historyRevisions = 100
        let store = EmbeddedStore(limits: limits, time: time.source)
        let lease = try await store.grantLease(ttlSeconds: 5)
        try await store.put("leased", "x", lease: lease.id)
        for index in 0..<1_000 { try await store.put("k", Bytes("\(index)")) }
        try await withThrowingTaskGroup { group in
            group.addTask { try await store.run() }
            try await time.waitForSleepers()
            #expect(store.snapshot.compactedRevision == Revision(store.revision.rawValue - 100))
            #expect(try await store.get("leased") != nil)
            time.advance(by: .seconds(4))
            #expect(try await store.keepAlive(lease.id) == 5)
            time.advance(by: .seconds(4))
            try await time.waitForSleepers()
            #expect(try await store.get("leased") != nil)
            time.advance(by: .seconds(2))
            try await eventually { try await store.get("leased") == nil }
            group.cancelAll()
        }
        await #expect(throws: CoordinationError.self) { try await store.keepAlive(lease.id) }
    }

    @Test func `a closed store refuses and ends its watches`() async throws {
        let store = EmbeddedStore()
        let watch = try await store.watch(.all)
        await store.close()
        await #expect(throws: CoordinationError.self) { try await store.put("a", "b") }
        await #expect(throws: CoordinationError.self) { try await store.get("a") }
        var iterator = watch.makeAsyncIterator()
        await #expect(throws: CoordinationError.self) { try await iterator.next() }
    }
}
