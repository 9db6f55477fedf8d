import ApusPrimitives
import ApusRPC
import ApusSQL
import Testing

@testable import shop

@Suite struct CartServiceTests {
    static let products = ["mug", "pen", "lamp"].map {
        Product(id: $0, name: $0, description: "", price: Money(250), currency: "EUR", available: 5)
    }

    func service(known: [Product] = products) async throws -> CartService {
        CartService(database: try await Fixtures.database(CartService.migrations)) { ids in
            known.filter { ids.contains($0.id) }
        }
    }

    static func problem(_ body: () async throws -> Void) async throws -> Problem {
        try await #require(throws: Problem.self) { try await body() }
    }

    @Test func `adds, adds up and removes`() async throws {
        let service = try await service()
        #expect(try await service.cart(of: "u").lines.isEmpty)
        _ = try await service.add(.init(productID: "mug", quantity: 2), to: "u")
        _ = try await service.add(.init(productID: "pen", quantity: 1), to: "u")
        let cart = try await service.add(.init(productID: "mug", quantity: 3), to: "u")
        #expect(cart.lines.map(\.productID) == ["mug", "pen"])
        #expect(cart.lines.map(\.quantity) == [5, 1])
        #expect(cart.lines[0].total == Money(1250))
        #expect(cart.total == Money(1500))
        #expect(cart.version == 3)
        try await service.remove("mug", from: "u")
        #expect(try await service.cart(of: "u").lines.map(\.productID) == ["pen"])
        #expect(try await Self.problem { try await service.remove("mug", from: "u") }.status == 404)
        #expect(try await service.cart(of: "other").lines.isEmpty)
    }

    @Test(
        arguments: [
            ("mug", 0, "quantity"), ("mug", -5, "quantity"), ("mug", 1001, "quantity"), ("mug", .max, "quantity"),
            ("Mug!", 1, "product_id"), ("unknown", 1, "product_id"),
        ] as [(String, Int64, String)])
    func `a wrong field is named`(product: String, quantity: Int64, field: String) async throws {
        let service = try await service()
        let problem = try await Self.problem {
            _ = try await service.add(.init(productID: product, quantity: quantity), to: "u")
        }
        #expect(problem.status == 422)
        #expect(problem.extensions["field"] == .string(field))
    }

    @Test func `bounds of a cart`() async throws {
        let many = (0...100).map {
            Product(
                id: "p\($0)", name: "", description: "", price: Money(1), currency: "EUR", available: 1)
        }
        let service = try await service(known: many)
        _ = try await service.add(.init(productID: "p0", quantity: 1000), to: "u")
        let tooMany = try await Self.problem { _ = try await service.add(.init(productID: "p0", quantity: 1), to: "u") }
        #expect(tooMany.extensions["field"] == "quantity")
        for index in 1..<100 { _ = try await service.add(.init(productID: "p\(index)", quantity: 1), to: "u") }
        let full = try await Self.problem { _ = try await service.add(.init(productID: "p100", quantity: 1), to: "u") }
        #expect(full.slug == "cart-full")
    }

    @Test func `a checkout takes the lines once`() async throws {
        let service = try await service()
        let cart = try await service.add(.init(productID: "mug", quantity: 2), to: "u")
        let request = CartAPI.CheckoutRequest(orderID: "o1", version: cart.version)
        let taken = try await service.checkout(request, userID: "u")
        #expect(taken.lines == [Cart.Line(productID: "mug", quantity: 2)])
        #expect(try await service.cart(of: "u").lines.isEmpty)
        _ = try await service.add(.init(productID: "pen", quantity: 1), to: "u")
        #expect(try await service.checkout(request, userID: "u") == taken)
        #expect(try await service.cart(of: "u").lines.map(\.productID) == ["pen"])
        let foreign = try await Self.problem { _ = try await service.checkout(request, userID: "v") }
        #expect(foreign.slug == "order-of-another-user")
    }

    @Test func `a checkout wants the cart that was seen`() async throws {
        let service = try await service()
        let seen = try await service.add(.init(productID: "mug", quantity: 2), to: "u")
        _ = try await service.add(.init(productID: "pen", quantity: 1), to: "u")
        let changed = try await Self.problem {
            _ = try await service.checkout(.init(orderID: "o1", version: seen.version), userID: "u")
        }
        #expect(changed.slug == "cart-changed")
        #expect(changed.extensions["version"] == 2)
        let empty = try await Self.problem {
            _ = try await service.checkout(.init(orderID: "o2", version: 0), userID: "nobody")
        }
        #expect(empty.slug == "cart-empty")
    }

    @Test func `a restore puts the lines back once, beside what is there`() async throws {
        let service = try await service()
        _ = try await service.add(.init(productID: "mug", quantity: 999), to: "u")
        let cart = try await service.add(.init(productID: "pen", quantity: 1), to: "u")
        let request = CartAPI.CheckoutRequest(orderID: "o1", version: cart.version)
        _ = try await service.checkout(request, userID: "u")
        _ = try await service.add(.init(productID: "mug", quantity: 3), to: "u")
        for _ in 0..<2 { _ = try await service.restore(.init(orderID: "o1"), userID: "u") }
        let restored = try await service.cart(of: "u")
        #expect(
            Dictionary(uniqueKeysWithValues: restored.lines.map { ($0.productID, $0.quantity) }) == [
                "mug": 1000, "pen": 1,
            ])
        let late = try await Self.problem { _ = try await service.checkout(request, userID: "u") }
        #expect(late.slug == "cart-restored")
    }

    @Test func `a restore before its checkout refuses the checkout`() async throws {
        let service = try await service()
        let cart = try await service.add(.init(productID: "mug", quantity: 2), to: "u")
        _ = try await service.restore(.init(orderID: "o1"), userID: "u")
        let late = try await Self.problem {
            _ = try await service.checkout(.init(orderID: "o1", version: cart.version), userID: "u")
        }
        #expect(late.slug == "cart-restored")
        #expect(try await service.cart(of: "u").lines.count == 1)
    }

    @Test func `the inventory's problem reaches the caller`() async throws {
        let service = CartService(database: try await Fixtures.database(CartService.migrations)) { _ in
            throw Problem.unavailable("away")
        }
        #expect(
            try await Self.problem { _ = try await service.add(.init(productID: "mug", quantity: 1), to: "u") }.status
                == 503)
    }
}
