import ApusPrimitives
import ApusResilience
import Testing

@testable import ApusRPC
@testable import shop

/// What the shop answers while a service is away.
@Suite struct DegradedTests {
    private static let mug = Product(
        id: "mug", name: "Mug", description: "", price: Money(250), currency: "EUR", available: 5)

    @Test func aCartIsShownWithThePricesKnownLastAndNotOrdered() async throws {
        let isAway = Locked(false)
        let clock = MovableClock()
        let service = CartService(database: try await Fixtures.database(CartService.migrations), clock: clock.clock) {
            ids in
            if isAway.withLock({ $0 }) { throw Problem.unavailable("away", policy: "test") }
            return [Self.mug].filter { ids.contains($0.id) }
        }
        _ = try await service.add(.init(productID: "mug", quantity: 1), to: "u")
        let heard = WallClock.text(milliseconds: clock.milliseconds)
        clock.advance(seconds: 60)
        isAway.withLock { $0 = true }

        let cart = try await service.cart(of: "u")
        #expect(cart.degraded == true && cart.pricedAt == heard && cart.total == Money(250))
        #expect(try await service.add(.init(productID: "mug", quantity: 1), to: "u").total == Money(500))
        await #expect(throws: Problem.unavailable("away", policy: "test")) { try await service.cartToOrder(of: "u") }
        // What was never heard of is not made up.
        await #expect(throws: Problem.unavailable("away", policy: "test")) {
            try await service.add(.init(productID: "pen", quantity: 1), to: "u")
        }
        #expect(service.display.snapshot().counts.degraded == 3)

        isAway.withLock { $0 = false }
        #expect(try await service.cart(of: "u").degraded == nil)
        #expect(try await service.cartToOrder(of: "u").total == Money(500))
    }

    @Test func whatTheInventoryRefusesIsItsAnswer() async throws {
        let service = CartService(database: try await Fixtures.database(CartService.migrations)) { _ in
            throw Problem.badRequest("no such thing")
        }
        await #expect(throws: Problem.badRequest("no such thing")) {
            try await service.add(.init(productID: "mug", quantity: 1), to: "u")
        }
        #expect(service.display.snapshot().counts.degraded == 0)
    }

    @Test func onlySoManyProductsAreRemembered() {
        let known = KnownProducts()
        func product(_ id: String, _ price: Int64) -> Product {
            Product(id: id, name: id, description: "", price: Money(price), currency: "EUR", available: 1)
        }
        for number in 0..<(KnownProducts.maxKnown + 10) { known.remember([product("p\(number)", 1)], at: 1) }
        #expect(known.count == KnownProducts.maxKnown)
        #expect(known.find(["p\(KnownProducts.maxKnown)"]) == nil)
        known.remember([product("p0", 2)], at: 5)
        #expect(known.find(["p0"])?.products.first?.price == Money(2))
        #expect(known.find(["p0", "p1"])?.asOf == 1, "as old as the oldest")
    }

    @Test func aServiceBehindTheCalleeIsNoFaultOfTheCallee() {
        #expect(PeerClient.outcome(of: Problem.internalError(), from: "cart") == .failure)
        #expect(PeerClient.outcome(of: Problem.notFound("x"), from: "cart") == .success)
        #expect(PeerClient.outcome(of: CancellationError(), from: "cart") == .ignored)
        var away = Problem.unavailable("away")
        away.failedService = "inventory"
        #expect(PeerClient.outcome(of: away, from: "cart") == .success)
        #expect(PeerClient.outcome(of: away, from: "inventory") == .failure)
    }

    @Test(arguments: [429, 503])
    func aServiceThatLetsNobodyInIsStillCalled(status: Int) throws {
        let refused = ServiceResponse(
            status: status, headers: [(ServiceResponse.unprocessedHeader, "1")], body: [], instance: "one")
        #expect(PeerClient.outcome(of: try #require(refused.problem), from: "cart") == .ignored)
        let own = Problem.notSent("none", policy: "discovery", retryAfter: nil)
        #expect(PeerClient.outcome(of: own, from: "cart") == .ignored)
    }

    @Test(arguments: [
        (#"{"delayMilliseconds": 60001}"#, "delayMilliseconds"), (#"{"failShare": 1.5}"#, "failShare"),
        (#"{"fail": 1}"#, "fail"), ("[]", "no JSON object"), ("slow", "no JSON object"),
    ])
    func aFaultThatCannotBeIsNamed(setting: String, named: String) {
        #expect(FaultDesk.flaw(of: setting)?.contains(named) == true)
    }

    @Test func faultsAreOffUnlessTheyAreSwitchedOn() throws {
        #expect(try Fault("") == .off)
        #expect(try Fault(#"{"delayMilliseconds": 20, "failShare": 0.5}"#).delayMilliseconds == 20)
        #expect(try Fault(#"{"failShare": 1}"#).failShare == 1)
        #expect(!RunSettings().allowsFaults)
    }
}
