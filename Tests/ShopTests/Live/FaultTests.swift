import ApusPrimitives
import ApusRPC
import AsyncHTTPClient
import TestSupport
import Testing

@testable import shop

extension LiveTests {
    /// A service of the real shop becomes slow, then fails, then is well again: orders degrade as declared, nothing piles up,
    /// nothing is lost, and nobody has to do anything for the recovery.
    struct FaultTests {
        static let customers = 8
        /// How much more than under the same load without faults.
        static let allowedThreads = 16
        /// Both ends of a connection are in this process, and a call takes up to six of them; sagas run beside.
        static let allowedDescriptors = 256
        static let allowedBytes = 96 << 20

        @Test(.timeLimit(.minutes(3)))
        func aSlowAndAFailingServiceTakeNobodyWithThem() async throws {
            let shop = try await LiveShop(environment: ["SHOP_FAULTS": "1"])
            try await shop.start()
            let client = HTTPClient(eventLoopGroupProvider: .singleton)
            do {
                try await run(shop, client)
                try await client.shutdown()
            } catch {
                try await client.shutdown()
                Issue.record("\(error)\n\(shop.log)")
            }
        }

        private func run(_ shop: LiveShop, _ client: HTTPClient) async throws {
            let boss = try Operator(of: shop, client: client)
            try await boss.makeSignUpCheap()
            var customers: [Customer] = []
            for number in 0..<Self.customers {
                customers.append(try await Customer("c\(number)", client: client, url: shop.url))
            }
            let crowd = Crowd(customers)
            let start = ContinuousClock.now
            func say(_ what: String) {
                let seconds = start.duration(to: .now) / .seconds(1)
                print("faults: \((seconds * 10).rounded() / 10) s, \(what): \(crowd.tally), \(Use(of: shop))")
            }

            try await crowd.shop { tally in tally.taken >= 40 }
            let before = Use(of: shop)
            say("well")

            // Slow: orders are taken and end, later than usual.
            try await boss.mustSet("faults", "payment", to: ["delayMilliseconds": 1_000])
            let taken = crowd.tally.taken
            try await crowd.shop { tally in tally.taken >= taken + 24 }
            expectBounded(shop, before)
            say("payment is slow")

            // Failing: orders that were taken wait, others are refused with a word; at once when the breaker has opened.
            try await boss.mustSet("faults", "payment", to: ["failShare": 1])
            let refused = crowd.tally.refused
            try await crowd.shop { tally in tally.refused >= refused + 400 }
            expectBounded(shop, before)
            say("payment fails")
            #expect(crowd.tally.unexpected == [])
            #expect(crowd.tally.reasons.contains("payment"), "\(crowd.tally.reasons)")

            try await boss.mustSet("faults", "payment", to: "")
            let back = ContinuousClock.now
            let well = crowd.tally.taken
            try await crowd.shop { tally in tally.taken >= well + 8 }
            try await settled(customers, within: .seconds(40))
            say("payment is back since \(back.duration(to: .now)), and every order has an end")

            try await withoutInventory(boss, customers[0])
            try await settled(customers, within: .seconds(40))
            expectBounded(shop, before)
            say("inventory was away and is back")

            #expect(crowd.tally.unexpected == [])
            #expect(crowd.tally.slowest < .seconds(15), "\(crowd.tally.slowest)")
            #expect(try await shop.stop() == 0, "\(shop.log)")
            let audit = try await shop.audit()
            #expect(audit.status == 0, "\(audit.output)")
        }

        /// Carts are shown with the prices known last; orders are refused, and nothing is lost.
        private func withoutInventory(_ boss: Operator, _ customer: Customer) async throws {
            struct Cart: Decodable {
                let degraded: Bool?
            }
            #expect(try await customer.add("sky-notebook", quantity: 1).status == 200)
            try await boss.mustSet("faults", "inventory", to: ["failShare": 1])
            try await eventually(within: .seconds(20)) {
                try await customer.get("/cart").decode(Cart.self).degraded == true
            }
            let refused = try await customer.order(card: TestCard.approves.rawValue, key: "without-inventory")
            #expect(refused.status == 503, "\(refused.text)")
            #expect(try refused.decode(Problem.self).extensions["service"] == "inventory", "\(refused.text)")
            try await boss.mustSet("faults", "inventory", to: "")
            try await eventually(within: .seconds(20)) {
                try await customer.order(card: TestCard.approves.rawValue, key: "without-inventory").status == 201
            }
            #expect(try await customer.get("/cart").decode(Cart.self).degraded == nil)
        }

        /// Every order has an end, and one that was cancelled says why.
        private func settled(_ customers: [Customer], within limit: Duration) async throws {
            for customer in customers {
                try await eventually(within: limit) {
                    try await customer.orders().allSatisfy { $0.status != "pending" }
                }
                #expect(try await customer.orders().allSatisfy { $0.status == "confirmed" || $0.reason != nil })
            }
        }

        private func expectBounded(_ shop: LiveShop, _ before: Use) {
            let now = Use(of: shop)
            #expect(now.threads <= before.threads + Self.allowedThreads, "\(before), then \(now)")
            #expect(now.descriptors <= before.descriptors + Self.allowedDescriptors, "\(before), then \(now)")
            #expect(now.bytes <= before.bytes + Self.allowedBytes, "\(before), then \(now)")
        }
    }
}

/// What a shop takes of the machine.
private struct Use: CustomStringConvertible {
    let threads: Int
    let descriptors: Int
    let bytes: Int

    init(of shop: LiveShop) {
        (threads, descriptors, bytes) = (shop.threads, shop.descriptors, shop.residentBytes)
    }

    var description: String { "\(threads) threads, \(descriptors) descriptors, \(bytes >> 20) MiB" }
}

/// Customers who put something into their carts and order it, again and again.
private final class Crowd: Sendable {
    struct Tally: Sendable, CustomStringConvertible {
        var taken = 0
        /// Told that the order was not taken.
        var refused = 0
        /// The services that these refusals blame.
        var reasons: Set<String> = []
        /// Answers that nobody should get.
        var unexpected: [String] = []
        var slowest = Duration.zero

        var description: String { "\(taken) orders taken, \(refused) refused, the slowest answer after \(slowest)" }
    }

    private let customers: [Customer]
    private let counts = Locked(Tally())

    init(_ customers: [Customer]) {
        self.customers = customers
    }

    var tally: Tally { counts.withLock { $0 } }

    /// All of them at once, until `isEnough`; at most half a minute.
    func shop(_ isEnough: @escaping @Sendable (Tally) -> Bool) async throws {
        let limit = ContinuousClock.now + .seconds(30)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for customer in customers {
                group.addTask {
                    while !isEnough(self.tally), ContinuousClock.now < limit { try await self.order(customer) }
                }
            }
            try await group.waitForAll()
        }
        guard isEnough(tally) else { throw Customer.Unexpected(description: "it took too long: \(tally)") }
    }

    private func order(_ customer: Customer) async throws {
        let start = ContinuousClock.now
        let added = try await customer.add("sky-notebook", quantity: 1)
        let answer = try await customer.order(card: TestCard.approves.rawValue, key: nil)
        let took = start.duration(to: .now)
        let problem = try? answer.decode(Problem.self)
        counts.withLock { counts in
            counts.slowest = max(counts.slowest, took)
            switch (added.status, answer.status) {
            case (200, 201): counts.taken += 1
            case (200, 503) where problem?.slug == "order-not-taken":
                counts.refused += 1
                counts.reasons.insert(problem?.extensions["service"]?.stringValue ?? "nobody")
            // The cart of an order that was taken a moment ago, or a full one.
            case (200, 422), (422, 201), (422, 503): break
            default: counts.unexpected.append("\(added.status) \(added.text), \(answer.status) \(answer.text)")
            }
        }
    }
}
