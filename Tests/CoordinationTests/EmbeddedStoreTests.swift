import ApusKV
import ApusPrimitives
import Logging
import TestSupport
import Testing

@testable import ApusCoordination

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

    @Test func `two consumers of one watch are told, and neither hangs`() async throws {
        let store = EmbeddedStore()
        let watch = try await store.watch(.all)
        let codes = await withTaskGroup { group in
            for _ in 0..<2 {
                group.addTask { () -> CoordinationError.Code? in
                    var iterator = watch.makeAsyncIterator()
                    do {
                        while try await iterator.next() != nil {}
                    } catch {
                        return (error as? CoordinationError)?.code
                    }
                    return nil
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.contains(.invalidRequest))
        #expect(store.watcherCount == 0)
    }

    @Test func `a watcher that does not take keeps a bounded backlog, and then sees everything`() async throws {
        var limits = EmbeddedStoreLimits()
        limits.watchBacklog = 10
        let store = EmbeddedStore(limits: limits)
        let watch = try await store.watch(.all)
        for index in 0..<500 { try await store.put("k", Bytes("\(index)")) }
        var iterator = watch.makeAsyncIterator()
        let first = try #require(try await iterator.next())
        // The rest comes from the store's history, not from memory of the watcher's own.
        #expect(first.events.count == 10)
        var seen = first.events.count
        while seen < 500 { seen += try #require(try await iterator.next()).events.count }
        #expect(seen == 500)
    }

    @Test func `one who fell behind the history is told`() async throws {
        let store = EmbeddedStore()
        var iterator = try await store.watch(.all).makeAsyncIterator()
        for index in 0..<5_000 { try await store.put("k", Bytes("\(index)")) }
        try await store.compact(at: store.revision)
        var events = 0
        let error = await #expect(throws: CoordinationError.self) {
            while let batch = try await iterator.next() { events += batch.events.count }
        }
        #expect(error?.code == .compacted)
        #expect(error?.compactRevision == store.revision)
        #expect(events == 1_000)
    }
}
