import ApusRPC
import AsyncHTTPClient
import TestSupport
import Testing

@testable import shop

extension LiveTests {
    /// Policies of the real shop are changed through the config center, and it behaves otherwise without a restart.
    struct PolicyChangeTests {
        @Test(.timeLimit(.minutes(2)))
        func policiesChangeWhileTheShopRuns() async throws {
            let shop = try await LiveShop()
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
            let (process, boss) = (shop.processID, try Operator(of: shop, client: client))
            try await boss.makeSignUpCheap()
            let customer = try await Customer("live", client: client, url: shop.url)
            #expect(try await customer.add("nest-box", quantity: 1).status == 200)
            try await whatComesIn(boss, customer)
            try await whatGoesOut(boss, customer)
            #expect(shop.processID == process && shop.isRunning)
            #expect(try await shop.stop() == 0, "\(shop.log)")
        }

        /// The policy of what the inventory lets in.
        private func whatComesIn(_ boss: Operator, _ customer: Customer) async throws {
            #expect(try await customer.get("/products").status == 200)
            let hourly: JSONValue = ["permits": 2, "perMilliseconds": 3_600_000]
            try await boss.mustSet("resilience", "inventory-host", to: ["rateLimit": hourly])
            var refused: Customer.Answer?
            try await eventually(within: .seconds(20)) {
                let answer = try await customer.get("/products")
                if answer.status == 429 { refused = answer }
                return refused != nil
            }
            let problem = try #require(try refused?.decode(Problem.self))
            #expect(problem.extensions["policy"] == "rate-limit", "\(problem)")

            // What cannot be is refused by name, and the policy is as it was.
            let bad = try await boss.set("resilience", "inventory-host", to: ["rateLimit": ["permits": 0]])
            #expect(bad.status == 422 && bad.text.contains("rateLimit.permits"), "\(bad.text)")
            #expect(try await boss.set("resilience", "inventory-host", to: "half a loaf").status == 422)
            #expect(try await boss.set("resilience", "nobody", to: "").status == 404)
            #expect(try await customer.get("/products").status == 429)

            // Another change of the same policy gives nobody new tokens.
            try await boss.mustSet("resilience", "inventory-host", to: ["rateLimit": hourly, "loadShedding": false])
            for _ in 0..<5 { #expect(try await customer.get("/products").status == 429) }

            #expect(try await boss.reset("resilience", "inventory-host").status == 200)
            try await eventually(within: .seconds(20)) { try await customer.get("/products").status == 200 }
        }

        /// The policy of the calls to the inventory: without answers the cart shows what it knows.
        private func whatGoesOut(_ boss: Operator, _ customer: Customer) async throws {
            struct Cart: Decodable {
                let total: Int64
                let degraded: Bool?
            }
            let full = try await customer.get("/cart").decode(Cart.self)
            #expect(full.degraded == nil && full.total > 0)
            try await boss.mustSet(
                "resilience", "inventory", to: ["rateLimit": ["permits": 1, "perMilliseconds": 3_600_000]])
            try await eventually(within: .seconds(20)) {
                try await customer.get("/cart").decode(Cart.self).degraded == true
            }
            #expect(try await customer.get("/cart").decode(Cart.self).total == full.total)
            let refused = try await customer.order(card: TestCard.approves.rawValue, key: "k")
            let problem = try refused.decode(Problem.self)
            #expect(refused.status == 503 && problem.slug == "order-not-taken", "\(refused.text)")
            #expect(problem.extensions["service"] == "inventory", "\(refused.text)")
            #expect(problem.extensions["policy"] == "inventory calls rate limit", "\(refused.text)")

            try await boss.mustSet("resilience", "inventory", to: "")
            try await eventually(within: .seconds(20)) {
                try await customer.get("/cart").decode(Cart.self).degraded == nil
            }
            #expect(try await customer.order(card: TestCard.approves.rawValue, key: "k").status == 201)
        }
    }
}
