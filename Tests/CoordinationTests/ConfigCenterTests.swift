import ApusCoordination
import ApusKV
import ApusPrimitives
import Configuration
import Logging
import TestSupport
import Testing

@Suite struct ConfigCenterTests {
    let time = ManualTime()
    let store: FaultyStore
    let center: ConfigCenter
    static let defaults: [String: SettingValue] = [
        "name": "shop", "limit": 10, "ratio": 0.5, "enabled": true, "timeout": .duration(.milliseconds(250)),
        "hosts": ["a", "b"], "http.port": 8080,
    ]

    init() {
        store = FaultyStore(EmbeddedStore(time: time.source))
        center = ConfigCenter(
            store: store, namespace: "order", defaults: Self.defaults, time: time.source, logger: .quiet)
    }

    private func running(_ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { try await center.run() }
            try await center.waitUntilReady()
            try await body()
            group.cancelAll()
            while await group.nextResult() != nil {}
        }
    }

    private func storeText(_ key: String, _ text: String) async throws {
        try await store.real.put(Bytes("apus/config/order/\(key)"), Bytes(text))
    }

    @Test func `defaults hold until something is stored, with and without a store`() async throws {
        #expect(try center.string("name") == "shop")
        #expect(try center.int("limit") == 10)
        #expect(try center.double("ratio") == 0.5)
        #expect(try center.bool("enabled"))
        #expect(try center.duration("timeout") == .milliseconds(250))
        #expect(try center.list("hosts") == ["a", "b"])
        #expect(center.value(for: "unknown") == nil)
        #expect(center.freshness == .neverSynced)
        try await storeText("limit", "20")
        try await running {
            #expect(try center.int("limit") == 20)
            #expect(center.freshness == .live)
            try await center.reset("limit")
            #expect(try center.int("limit") == 10)
        }
    }

    @Test func `a getter names what is wrong`() throws {
        let unknown = #expect(throws: CoordinationError.self) { try center.int("limt") }
        #expect(unknown?.code == .unknownSetting)
        #expect(unknown?.message == "order has no setting limt")
        let wrong = #expect(throws: CoordinationError.self) { try center.int("name") }
        #expect(wrong?.code == .wrongType)
        #expect(wrong?.message == "the setting name of order is a string, not a int")
    }

    @Test func `only declared settings of their type can be set`() async throws {
        await #expect(throws: CoordinationError.self) { try await center.set("limt", to: 1) }
        for (key, value) in [
            ("limit", SettingValue.string("many")), ("limit", 1.5), ("limit", true), ("ratio", .double(.nan)),
            ("timeout", "10 parsecs"), ("timeout", "-1s"), ("timeout", 5), ("enabled", "perhaps"), ("name", 1),
            ("hosts", ["a,b"]), ("hosts", [" a"]), ("http.port", "8080.0"),
        ] {
            let error = await #expect(throws: CoordinationError.self) { try await center.set(key, to: value) }
            #expect(error?.code == .wrongType, "\(key) \(value)")
        }
        #expect(store.real.revision == Revision(1))
    }

    @Test func `what is set reads back, as text too`() async throws {
        let cases: [(String, SettingValue, SettingValue)] = [
            ("name", "a, b \"c\"", "a, b \"c\""), ("limit", "-7", -7), ("ratio", 3, .double(3)),
            ("enabled", "off", false), ("timeout", "1.5s", .duration(.milliseconds(1500))),
            ("timeout", "2h", .duration(.seconds(7200))),
            ("timeout", .duration(.nanoseconds(1)), .duration(.nanoseconds(1))),
            ("timeout", "0ms", .duration(.zero)), ("hosts", "x, y", ["x", "y"]), ("hosts", .list([]), .list([])),
        ]
        for (key, value, read) in cases {
            try await center.set(key, to: value)
            // At once, and without run.
            #expect(center.value(for: key) == read, "\(key) \(value)")
            let other = ConfigCenter(
                store: store, namespace: "order", defaults: Self.defaults, time: time.source, logger: .quiet)
            try await withThrowingTaskGroup { group in
                group.addTask { try await other.run() }
                try await other.waitUntilReady()
                #expect(other.value(for: key) == read, "\(key) \(value)")
                group.cancelAll()
            }
        }
    }

    @Test func `what somebody stored by hand wrongly is not used`() async throws {
        try await running {
            try await storeText("limit", "20")
            try await eventually { try center.int("limit") == 20 }
            try await storeText("unknown", "x")
            try await storeText("limit", "a lot")
            try await eventually { try center.int("limit") == 10 }
            try await storeText("limit", "30")
            try await eventually { try center.int("limit") == 30 }
        }
    }

    @Test func `a write that expects another revision is refused`() async throws {
        let first = try await center.set("limit", to: 1, expecting: .zero)
        let conflict = await #expect(throws: CoordinationError.self) {
            try await center.set("limit", to: 2, expecting: .zero)
        }
        #expect(conflict?.code == .conflict)
        let second = try await center.set("limit", to: 2, expecting: first)
        #expect(center.entry(for: "limit")?.revision == second)
        #expect(try await center.set("limit", to: 2, expecting: second) == second)
        #expect(try center.int("limit") == 2)
        await #expect(throws: CoordinationError.self) { try await center.reset("limit", expecting: first) }
        try await center.reset("limit", expecting: second)
        #expect(center.entry(for: "limit")?.revision == .zero)
    }

    @Test func `many writers lose no version`() async throws {
        try await withThrowingTaskGroup { group in
            for writer in 0..<8 {
                group.addTask {
                    for step in 0..<5 {
                        while true {
                            do {
                                try await center.set("limit", to: .int(writer * 100 + step + 1_000))
                                break
                            } catch let error as CoordinationError where error.code == .conflict {
                                await Task.yield()
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let history = try await center.history()
        #expect(history.map(\.version) == (1...40).reversed())
        // Each version begins where the one before ended.
        for (newer, older) in zip(history, history.dropFirst()) {
            #expect(newer.changes.first?.old == older.changes.first?.new)
        }
    }

    @Test func `a rollback makes everything what it was, as a new version`() async throws {
        try await center.set("limit", to: 1, note: "first")
        try await center.set("name", to: "x")
        try await center.set("limit", to: 2)
        try await center.reset("name")
        try await center.set("ratio", to: 0.25)
        try await center.rollback(to: 2)
        #expect(try center.int("limit") == 1)
        #expect(try center.string("name") == "x")
        #expect(try center.double("ratio") == 0.5)
        let newest = try #require(try await center.history(limit: 1).first)
        #expect(newest.version == 6)
        #expect(newest.note == "rollback to version 2")
        #expect(newest.changes.map(\.key) == ["limit", "name", "ratio"])
        try await center.rollback(to: 5)
        #expect(try center.int("limit") == 2)
        #expect(try center.string("name") == "shop")
        #expect(try center.double("ratio") == 0.25)
        try await center.rollback(to: 0)
        #expect(center.entries.allSatisfy { $0.revision == .zero })
        await #expect(throws: CoordinationError.self) { try await center.rollback(to: 99) }
        #expect(try await center.history().last?.note == "first")
    }

    @Test func `versions are kept up to the bound`() async throws {
        for index in 0..<ConfigCenter.keptVersions + 20 { try await center.set("limit", to: .int(index)) }
        #expect(try await center.history(limit: 1_000).count == ConfigCenter.keptVersions)
        await #expect(throws: CoordinationError.self) { try await center.rollback(to: 5) }
        try await center.rollback(to: 100)
        #expect(try center.int("limit") == 99)
    }

    @Test func `the last known values hold while the store is away, and after it lost its data`() async throws {
        try await running {
            try await center.set("limit", to: 77)
            store.setAway(true)
            try await eventually { center.freshness == .lastKnown }
            #expect(try center.int("limit") == 77)
            await #expect(throws: CoordinationError.self) { try await center.set("limit", to: 78) }
            store.replace(with: EmbeddedStore(time: time.source))
            store.setAway(false)
            try await eventually {
                time.advance(by: .seconds(1))
                return center.freshness == .live
            }
            #expect(try center.int("limit") == 77)
            try await center.set("limit", to: 79)
            #expect(try center.int("limit") == 79)
        }
    }

    @Test func `what was removed while the store was away is the default again`() async throws {
        try await running {
            try await center.set("limit", to: 77)
            store.setAway(true)
            try await store.real.delete("apus/config/order/limit")
            store.setAway(false)
            try await eventually {
                time.advance(by: .seconds(1))
                return try center.int("limit") == 10
            }
        }
    }

    @Test func `updates come once for each new value, merged for who is slow`() async throws {
        var updates = center.updates(of: "limit").makeAsyncIterator()
        #expect(await updates.next() == .some(.int(10)))
        try await center.set("name", to: "not the setting that is watched")
        for value in 1...50 { try await center.set("limit", to: .int(value)) }
        #expect(await updates.next() == .some(.int(50)))
    }

    @Test func `a config reader reads, falls through and watches`() async throws {
        let fallback = InMemoryProvider(values: ["http.host": "fallback", "http.port": 1])
        let reader = ConfigReader(providers: [center.provider, fallback])
        #expect(reader.int(forKey: "http.port") == 8080)
        #expect(reader.string(forKey: "http.host") == "fallback")
        #expect(reader.string(forKey: "timeout") == "250ms")
        #expect(reader.double(forKey: "limit") == 10)
        #expect(reader.bool(forKey: "enabled") == true)
        #expect(reader.stringArray(forKey: "hosts") == ["a", "b"])
        #expect(reader.string(forKey: "nowhere") == nil)
        #expect(throws: (any Error).self) { try center.provider.value(forKey: AbsoluteConfigKey(["name"]), type: .int) }

        let seen = Locked<[Int?]>([])
        try await withThrowingTaskGroup { group in
            group.addTask {
                try await reader.watchInt(forKey: "http.port") { updates in
                    for await value in updates {
                        seen.withLock { $0.append(value) }
                        if value == 9090 { return }
                    }
                }
            }
            try await eventually { seen.withLock { $0 } == [8080] }
            try await center.set("http.port", to: 9090)
            try await group.waitForAll()
        }
        #expect(seen.withLock { $0 } == [8080, 9090])
        #expect(reader.scoped(to: "http").int(forKey: "port") == 9090)
        #expect(reader.snapshot().int(forKey: "http.port") == 9090)

        try await withThrowingTaskGroup { group in
            group.addTask {
                try await reader.watchSnapshot { snapshots in
                    for await snapshot in snapshots where snapshot.string(forKey: "name") == "renamed" { return }
                }
            }
            try await center.set("name", to: "renamed")
            try await group.waitForAll()
        }
    }
}
