import ApusSQL
import Testing

@testable import shop

struct OrderStoreTests {
    private static func makeStore() async throws -> OrderStore {
        let database = try SQLiteDatabase.inMemory()
        try await database.migrate(OrderStore.migrations)
        return OrderStore(database: database)
    }

    private static func order(_ id: String, user: String = "ada", quantity: Int64 = 2) -> Order {
        let line = OrderLine(productID: "mug", name: "Mug", unitPrice: 150, quantity: quantity, total: 150 * quantity)
        return Order(
            id: id, userID: user, status: .pending, reason: nil, total: line.total, currency: "EUR", lines: [line],
            createdAt: 1000)
    }

    private static func insert(_ order: Order, key: String? = nil, into store: OrderStore) async throws -> Bool {
        let attempt = key.flatMap(IdempotencyKey.init).map { OrderStore.Attempt(key: $0, fingerprint: [1]) }
        let insertion = try await store.database.transaction {
            try OrderStore.insert(order, attempt: attempt, in: $0)
        }
        if case .inserted = insertion { return true }
        return false
    }

    @Test func anOrderComesBackAsItWasWritten() async throws {
        let store = try await Self.makeStore()
        #expect(try await Self.insert(Self.order("A"), into: store))
        #expect(try await store.order("A", of: "ada") == Self.order("A"))
    }

    @Test func othersDoNotSeeIt() async throws {
        let store = try await Self.makeStore()
        _ = try await Self.insert(Self.order("A"), into: store)
        #expect(try await store.order("A", of: "bob") == nil)
        #expect(try await store.orders(of: "bob", before: nil, limit: 10).isEmpty)
    }

    @Test func aKeyHasOneOrderOfEachUser() async throws {
        let store = try await Self.makeStore()
        #expect(try await Self.insert(Self.order("A"), key: "k", into: store))
        #expect(try await !Self.insert(Self.order("B"), key: "k", into: store))
        #expect(try await Self.insert(Self.order("C", user: "bob"), key: "k", into: store))
        #expect(try await store.order("B", of: "ada") == nil)
        let key = try #require(IdempotencyKey("k"))
        #expect(try await store.order(of: "ada", key: key)?.order.id == "A")
        #expect(try await store.order(of: "ada", key: key)?.fingerprint == [1])
    }

    @Test func withoutAKeyEachIsItsOwn() async throws {
        let store = try await Self.makeStore()
        #expect(try await Self.insert(Self.order("A"), into: store))
        #expect(try await Self.insert(Self.order("B"), into: store))
    }

    @Test func ofManyAtOnceOneIsInserted() async throws {
        let store = try await Self.makeStore()
        let inserted = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<32 {
                group.addTask { try await Self.insert(Self.order("A\(number)"), key: "k", into: store) }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(inserted == 1)
    }

    @Test func pagesGoFromNewestToOldest() async throws {
        let store = try await Self.makeStore()
        for id in ["A", "B", "C", "D"] { _ = try await Self.insert(Self.order(id), into: store) }
        #expect(try await store.orders(of: "ada", before: nil, limit: 3).map(\.id) == ["D", "C", "B"])
        #expect(try await store.orders(of: "ada", before: "B", limit: 3).map(\.id) == ["A"])
        #expect(try await store.recent(limit: 2).map(\.id) == ["D", "C"])
    }

    @Test func pendingOrdersAreCountedUpToTheLimit() async throws {
        let store = try await Self.makeStore()
        for id in ["A", "B", "C"] { _ = try await Self.insert(Self.order(id), into: store) }
        #expect(try await store.pendingCount(upTo: 10) == 3)
        #expect(try await store.pendingCount(upTo: 2) == 2)
        try await store.confirm("A", at: 1)
        #expect(try await store.pendingCount(upTo: 10) == 2)
    }

    @Test func theFirstReasonStays() async throws {
        let store = try await Self.makeStore()
        _ = try await Self.insert(Self.order("A"), into: store)
        try await store.note(OrderRefusal(reason: "declined"), for: "A")
        try await store.note(OrderRefusal(reason: "something else"), for: "A")
        #expect(try await store.refusal(of: "A")?.reason == "declined")
        try await store.cancel("A", reason: "unknown", at: 5)
        #expect(try await store.order("A", of: "ada")?.reason == "declined")
    }

    @Test func aLineWhoseTotalIsWrongIsRefusedByTheDatabaseToo() async throws {
        let store = try await Self.makeStore()
        let line = OrderLine(productID: "mug", name: "Mug", unitPrice: 150, quantity: 2, total: 1)
        let order = Order(
            id: "A", userID: "ada", status: .pending, reason: nil, total: 1, currency: "EUR", lines: [line],
            createdAt: 0)
        await #expect(throws: SQLError.self) { try await Self.insert(order, into: store) }
        #expect(try await store.order("A", of: "ada") == nil, "nothing of it stays")
    }

    @Test func aCartIsCheckedAgain() {
        func cart(_ lines: [OrderLine], _ total: Int64) -> Bool {
            CartSnapshot(lines: lines, total: total, version: 1).isSound
        }
        func line(_ price: Int64, _ quantity: Int64, _ total: Int64) -> OrderLine {
            OrderLine(productID: "mug", name: "Mug", unitPrice: price, quantity: quantity, total: total)
        }
        #expect(cart([line(150, 2, 300), line(5, 1, 5)], 305))
        #expect(!cart([line(150, 2, 300)], 301))
        #expect(!cart([line(150, 2, 299)], 299))
        #expect(!cart([line(-150, 2, -300)], -300))
        #expect(!cart([line(150, 0, 0)], 0))
        #expect(!cart([line(.max, 2, -2)], -2))
        #expect(!cart([line(.max, 1, .max), line(1, 1, 1)], .min))
    }
}
