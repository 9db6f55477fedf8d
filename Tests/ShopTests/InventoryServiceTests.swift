import ApusPrimitives
import ApusRPC
import ApusSQL
import Testing

@testable import shop

@Suite struct InventoryServiceTests {
    let clock = MovableClock()

    func service() async throws -> InventoryService {
        InventoryService(
            database: try await Fixtures.database(InventoryService.migrations), clock: clock.clock)
    }

    static func request(_ order: String, _ lines: [(String, Int64)]) -> InventoryAPI.ReserveRequest {
        InventoryAPI.ReserveRequest(
            orderID: order, lines: lines.map { Reservation.Line(productID: $0.0, quantity: $0.1) })
    }

    static func slug(_ body: () async throws -> Void) async -> String? {
        do {
            try await body()
            return nil
        } catch let problem as Problem {
            return problem.slug
        } catch {
            return "\(error)"
        }
    }

    struct Stock: Hashable {
        let available: Int64
        let reserved: Int64
        let sold: Int64
    }

    static func stock(_ product: String, _ service: InventoryService) async throws -> Stock {
        try await service.store.database.read { connection in
            let row = try connection.queryOne("SELECT available, reserved, sold FROM products WHERE id = \(product)")
            return Stock(
                available: try #require(try row?.decode("available")),
                reserved: try #require(try row?.decode("reserved")),
                sold: try #require(try row?.decode("sold")))
        }
    }

    @Test func `a catalogue ships with it`() async throws {
        let service = try await service()
        let products = try await service.products()
        #expect(products.map(\.id) == Catalogue.entries.map(\.id))
        #expect(products.allSatisfy { $0.price > .zero && $0.available > 0 && Identifiers.isProductID($0.id) })
        #expect(try await service.product("enamel-mug").name == "Enamel mug")
        await #expect(throws: Problem.self) { try await service.product("nothing") }
        #expect(try await service.products(ids: ["enamel-mug", "nothing", "' OR 1=1"]).count == 1)
    }

    @Test func `reserve, commit`() async throws {
        let service = try await service()
        let request = Self.request("o1", [("first-light-print", 3), ("enamel-mug", 2)])
        let held = try await service.reserve(request, token: .init(1))
        #expect(held.state == .held)
        #expect(try await service.reserve(request, token: .init(1)) == held)
        #expect(try await Self.stock("first-light-print", service) == Stock(available: 7, reserved: 3, sold: 0))
        #expect(try await service.commit(orderID: "o1", token: .init(1)).state == .committed)
        #expect(try await service.commit(orderID: "o1", token: .init(1)).state == .committed)
        #expect(try await service.reserve(request, token: .init(1)).state == .committed)
        #expect(try await Self.stock("first-light-print", service) == Stock(available: 7, reserved: 0, sold: 3))
        #expect(try await Self.stock("enamel-mug", service) == Stock(available: 3998, reserved: 0, sold: 2))
    }

    @Test func `all or nothing`() async throws {
        let service = try await service()
        let problem = try await #require(throws: Problem.self) {
            try await service.reserve(
                Self.request("o1", [("enamel-mug", 2), ("first-light-print", 11)]), token: .init(1))
        }
        #expect(problem.slug == "out-of-stock")
        #expect(problem.extensions["product_id"] == "first-light-print")
        #expect(problem.extensions["available"] == 10)
        #expect(try await Self.stock("enamel-mug", service).reserved == 0)
        #expect(try await service.store.reservation(orderID: "o1") == nil)
    }

    @Test(arguments: [false, true])
    func `release gives back what was held or sold, and shuts the door`(isCommitted: Bool) async throws {
        let service = try await service()
        let request = Self.request("o1", [("first-light-print", 4)])
        _ = try await service.reserve(request, token: .init(1))
        if isCommitted { _ = try await service.commit(orderID: "o1", token: .init(1)) }
        for _ in 0..<2 { #expect(try await service.release(orderID: "o1", token: .init(1)).state == .released) }
        #expect(try await Self.stock("first-light-print", service) == Stock(available: 10, reserved: 0, sold: 0))
        #expect(await Self.slug { _ = try await service.reserve(request, token: .init(1)) } == "reservation-released")
        #expect(
            await Self.slug { _ = try await service.commit(orderID: "o1", token: .init(1)) } == "reservation-released")
    }

    @Test func `a release before its reservation refuses the reservation`() async throws {
        let service = try await service()
        #expect(try await service.release(orderID: "o1", token: .init(1)).lines.isEmpty)
        let late = Self.request("o1", [("first-light-print", 4)])
        #expect(await Self.slug { _ = try await service.reserve(late, token: .init(1)) } == "reservation-released")
        #expect(try await Self.stock("first-light-print", service).reserved == 0)
    }

    @Test func `a lease ends, and commit takes the stock again while there is any`() async throws {
        let service = try await service()
        let request = Self.request("o1", [("first-light-print", 6)])
        _ = try await service.reserve(request, token: .init(1))
        clock.advance(seconds: 59)
        #expect(try await service.sweep() == 0)
        clock.advance(seconds: 1)
        #expect(try await service.sweep() == 1)
        #expect(try await service.sweep() == 0)
        #expect(try await Self.stock("first-light-print", service) == Stock(available: 10, reserved: 0, sold: 0))
        _ = try await service.reserve(Self.request("o2", [("first-light-print", 5)]), token: .init(1))
        #expect(await Self.slug { _ = try await service.commit(orderID: "o1", token: .init(1)) } == "out-of-stock")
        _ = try await service.release(orderID: "o2", token: .init(1))
        #expect(try await service.commit(orderID: "o1", token: .init(1)).state == .committed)
        #expect(try await Self.stock("first-light-print", service) == Stock(available: 4, reserved: 0, sold: 6))
    }

    @Test func `an old fencing token is refused everywhere`() async throws {
        let service = try await service()
        let request = Self.request("o1", [("enamel-mug", 1)])
        _ = try await service.reserve(request, token: .init(5))
        let stale = "stale-fencing-token"
        #expect(await Self.slug { _ = try await service.reserve(request, token: .init(4)) } == stale)
        #expect(await Self.slug { _ = try await service.commit(orderID: "o1", token: .init(4)) } == stale)
        #expect(await Self.slug { _ = try await service.release(orderID: "o1", token: .init(4)) } == stale)
        _ = try await service.commit(orderID: "o1", token: .init(7))
        #expect(await Self.slug { _ = try await service.release(orderID: "o1", token: .init(6)) } == stale)
    }

    @Test func `another order cannot be put under the same identifier`() async throws {
        let service = try await service()
        _ = try await service.reserve(Self.request("o1", [("enamel-mug", 1)]), token: .init(1))
        let other = Self.request("o1", [("enamel-mug", 2)])
        #expect(await Self.slug { _ = try await service.reserve(other, token: .init(1)) } == "reservation-differs")
        #expect(await Self.slug { _ = try await service.commit(orderID: "o2", token: .init(1)) } == "no-reservation")
    }

    @Test(
        arguments: [
            ("o1", [], "lines"), ("o1", [("enamel-mug", 0)], "lines[0].quantity"),
            ("o1", [("enamel-mug", -1)], "lines[0].quantity"), ("o1", [("enamel-mug", .max)], "lines[0].quantity"),
            ("o1", [("enamel-mug", 1), ("enamel-mug", 1)], "lines[1].product_id"),
            ("o1", [("Enamel Mug", 1)], "lines[0].product_id"), ("", [("enamel-mug", 1)], "order_id"),
            ("a/b", [("enamel-mug", 1)], "order_id"),
        ] as [(String, [(String, Int64)], String)])
    func `a wrong line is named`(order: String, lines: [(String, Int64)], field: String) async throws {
        let service = try await service()
        let problem = try await #require(throws: Problem.self) {
            try await service.reserve(Self.request(order, lines), token: .init(1))
        }
        #expect(problem.status == 422)
        #expect(problem.extensions["field"] == .string(field))
    }

    @Test func `many at once never sell more than there is`() async throws {
        let service = try await service()
        let sold = await withTaskGroup(of: Int.self) { group in
            for order in 0..<40 {
                group.addTask {
                    let id = "o\(order)"
                    let held = try? await service.reserve(
                        Self.request(id, [("first-light-print", 1)]), token: .init(1))
                    guard held != nil else { return 0 }
                    return (try? await service.commit(orderID: id, token: .init(1))) == nil ? 0 : 1
                }
            }
            return await group.reduce(0, +)
        }
        #expect(sold == 10)
        #expect(try await Self.stock("first-light-print", service) == Stock(available: 0, reserved: 0, sold: 10))
    }

    /// A random order of every call, late and doubled ones among them: the books hold after each, and what is held or
    /// sold is what the reservations say.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `random histories keep the books`(seed: UInt64) async throws {
        let service = try await service()
        var random = SeededRandom(seed: seed)
        for _ in 0..<400 {
            let order = "o\(Int.random(in: 0..<12, using: &random))"
            let token = FencingToken(Int64.random(in: 0..<3, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                let quantity = Int64.random(in: 1...5, using: &random)
                _ = try? await service.reserve(
                    Self.request(order, [("first-light-print", quantity), ("wind-vane", 30)]), token: token)
            case 2: _ = try? await service.commit(orderID: order, token: token)
            case 3: _ = try? await service.release(orderID: order, token: token)
            default:
                clock.advance(seconds: Int64.random(in: 0..<40, using: &random))
                try await service.sweep()
            }
        }
        try await service.store.database.read { connection in
            for product in ["first-light-print", "wind-vane"] {
                for (state, column) in [("held", "reserved"), ("committed", "sold")] {
                    let expected: Int64? = try connection.queryValue(
                        """
                        SELECT COALESCE(SUM(quantity), 0) FROM reservation_lines JOIN reservations USING (order_id)
                        WHERE product_id = \(product) AND state = \(state)
                        """)
                    let actual: Int64? = try connection.queryValue(
                        "SELECT \(raw: column) FROM products WHERE id = \(product)")
                    #expect(expected == actual)
                }
            }
        }
    }
}
