import ApusCoordination
import ApusKV
import ApusPrimitives
import TestSupport
import Testing

@testable import ApusEtcd

/// Three members of a real etcd, or of `apus server`, of which the one in use is killed, again and again.
@Suite struct FailoverTests {
    @Test(.timeLimit(.minutes(3)))
    func nothingThatWasAcknowledgedIsLostAndNoEventIsMissingOrDoubled() async throws {
        try await Self.survive(EtcdServer(.etcd(), count: 3), kills: 3)
    }

    @Test(.timeLimit(.minutes(3)))
    func norWhereTheMembersAreOurs() async throws {
        try await Self.survive(EtcdServer(.apus(), count: 3), kills: 3)
    }

    /// Writers and watchers, while the member that serves them is killed and started again.
    static func survive(_ server: EtcdServer, kills: Int) async throws {
        try await EtcdStore.with(server.endpoints) { store in
            let ledger = Locked([Int: Revision]())
            let (attempts, stops) = (Locked(0), Locked(false))
            let watch = try await store.watch(.prefix("w/"), from: Revision(1))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        while !stops.withLock({ $0 }) {
                            let number = attempts.withLock { count in
                                count += 1
                                return count
                            }
                            do {
                                let revision = try await store.put(Bytes("w/\(number)"), Bytes("\(number)"))
                                ledger.withLock { $0[number] = revision }
                            } catch let error as CoordinationError {
                                #expect(
                                    error.mayHaveHappened, "a write that surely did not happen is made again: \(error)")
                            }
                        }
                    }
                }
                group.addTask {
                    while !stops.withLock({ $0 }) { _ = try await store.get("w/1") }
                }
                for _ in 0..<kills {
                    let current = store.client.currentEndpoint.description
                    let victim = try #require(server.members.first { $0.clientURL == current })
                    try await victim.kill()
                    let reached = ledger.withLock { $0.count }
                    try await eventually(within: .seconds(30)) { ledger.withLock { $0.count } > reached + 50 }
                    try victim.start()
                    try await victim.waitUntilReady()
                }
                stops.withLock { $0 = true }
                try await group.waitForAll()
            }
            try await Self.compare(store, watch, ledger.withLock { $0 })
        }
    }

    /// The watch saw exactly what the store has, in order; and the store has all that was acknowledged.
    private static func compare(
        _ store: EtcdStore, _ watch: CoordinationWatch, _ acknowledged: [Int: Revision]
    ) async throws {
        try await store.put("w/end", "")
        var seen: [Event] = []
        for try await batch in watch {
            seen += batch.events
            if batch.events.contains(where: { $0.kv.key == "w/end" }) { break }
        }
        let revisions = seen.map(\.revision.rawValue)
        #expect(zip(revisions, revisions.dropFirst()).allSatisfy { $0 < $1 }, "an event is doubled or out of order")
        let kept = try await store.list(prefix: "w/").kvs
        #expect(Set(kept.map(\.key)) == Set(seen.map(\.kv.key)), "an event is missing")
        #expect(kept.allSatisfy { $0.version == 1 }, "a write happened twice")
        let byKey = Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.modRevision) })
        for (number, revision) in acknowledged {
            #expect(byKey[Bytes("w/\(number)")] == revision, "the acknowledged write \(number) is lost")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func aMemberThatIsFrozenIsLeft() async throws {
        let server = try await EtcdServer(.etcd(), count: 3)
        var settings = EtcdClientSettings()
        settings.keepaliveInterval = .seconds(1)
        settings.keepaliveTimeout = .seconds(1)
        try await EtcdStore.with(server.endpoints, settings: settings) { store in
            try await store.put("a", "1")
            var events = try await store.watch(.key("a")).makeAsyncIterator()
            let current = store.client.currentEndpoint.description
            let frozen = try #require(server.members.first { $0.clientURL == current })
            frozen.pause()
            defer { frozen.resume() }
            #expect(try await store.get("a")?.value == "1")
            #expect(store.client.currentEndpoint.description != current)
            try await eventually { (try? await store.put("a", "2")) != nil }
            #expect(try await events.next()?.events.first?.kv.value == "2")
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func aWatchThatWasAwayTooLongIsToldWhatWasCompacted() async throws {
        let server = try await EtcdServer(.etcd())
        try await EtcdStore.with(server.endpoints) { store in
            let first = try await store.put("a", "1")
            var events = try await store.watch(.key("a"), from: first).makeAsyncIterator()
            _ = try await events.next()
            try await server.members[0].kill()
            try server.members[0].start()
            try await server.members[0].waitUntilReady()
            // Another client writes and compacts before this one's watch is back, or after: both are right.
            try await EtcdStore.with(server.endpoints) { other in
                for step in 2..<10 { try await other.put("a", Bytes("\(step)")) }
                let last = try await other.put("a", "last")
                try await other.compact(at: last)
            }
            do {
                while let batch = try await events.next() {
                    if batch.events.last?.kv.value == "last" { break }
                }
            } catch let error as CoordinationError {
                #expect(error.code == .compacted && error.compactRevision != nil)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func watchesEndWhenNobodyServesThem() async throws {
        let server = try await EtcdServer(.etcd())
        var settings = EtcdClientSettings()
        settings.watchPatience = .milliseconds(500)
        try await EtcdStore.with(server.endpoints, settings: settings) { store in
            var events = try await store.watch(.key("a")).makeAsyncIterator()
            try await server.members[0].kill()
            await #expect(throws: CoordinationError.self) { _ = try await events.next() }
            try server.members[0].start()
            try await server.members[0].waitUntilReady()
            var again = try await store.watch(.key("a")).makeAsyncIterator()
            try await store.put("a", "1")
            #expect(try await again.next()?.events.count == 1)
        }
    }
}
