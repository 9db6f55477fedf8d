import ApusPrimitives
import AsyncHTTPClient
import Foundation
import TestSupport
import Testing

@testable import shop

extension LiveTests {
    /// `kill -9` at any moment, while many customers order, loses nothing and doubles nothing.
    struct KillTests {
        static let kills = 36
        static let customers = 8

        @Test(.timeLimit(.minutes(5)))
        func theBooksAreRightAfterThirtyKills() async throws {
            let seed = ProcessInfo.processInfo.environment["APUS_SEED"].flatMap(UInt64.init) ?? 0x5417
            var random = SeededRandom(seed: seed)
            let shop = try await LiveShop()
            try await shop.start()
            let client = HTTPClient(eventLoopGroupProvider: .singleton)
            let record = Record()
            do {
                try await run(shop, client, record, &random)
                try await client.shutdown()
            } catch {
                try await client.shutdown()
                Issue.record("seed \(seed): \(error)\n\(shop.log)")
            }
        }

        private func run(
            _ shop: LiveShop, _ client: HTTPClient, _ record: Record, _ random: inout SeededRandom
        ) async throws {
            let customers = try await withThrowingTaskGroup(of: Customer.self) { group in
                for number in 1...Self.customers {
                    group.addTask { try await Customer("kill-\(number)", client: client, url: shop.url) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for customer in customers {
                    let shopper = Shopper(customer: customer, record: record, random: random.split())
                    group.addTask { try await shopper.shop() }
                }
                for _ in 0..<Self.kills {
                    let answers = record.answers + Int.random(in: 0...90, using: &random)
                    try await eventually(within: .seconds(20)) { record.answers >= answers }
                    try await shop.kill()
                    // One in five dies again before it is open, as far as a random size takes it.
                    if Int.random(in: 0..<5, using: &random) == 0 {
                        let size = Int.random(in: 0...60, using: &random) << 20
                        try shop.launch()
                        try await eventually { shop.residentBytes >= size || shop.output.contains("open at") }
                        try await shop.kill()
                    }
                    try await shop.start()
                }
                record.finish()
                try await group.waitForAll()
            }
            try await check(shop, customers, record)
        }

        private func check(_ shop: LiveShop, _ customers: [Customer], _ record: Record) async throws {
            let outcomes = try await record.check(customers, "kill test")
            // What the cards say must have come true often enough to mean something.
            #expect(outcomes["approves confirmed", default: 0] > 50)
            #expect(outcomes["declines cancelled", default: 0] > 10)
            #expect(record.retries > Self.kills)
            #expect(!record.loggedOut.isEmpty)
            #expect(try await shop.stop() == 0, "\(shop.log)")
            let audit = try await shop.audit()
            #expect(audit.status == 0, "\(audit.output)")
        }
    }
}
