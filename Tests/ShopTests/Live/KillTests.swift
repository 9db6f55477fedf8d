import ApusPrimitives
import AsyncHTTPClient
import Foundation
import TestSupport
import Testing

@testable import shop

/// `kill -9` at any moment, while many customers order, loses nothing and doubles nothing.
@Suite(.serialized)
struct KillTests {
    static let kills = 30
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
                // Half of them early, when the restart is hardly over; one in five before it is.
                if Int.random(in: 0..<5, using: &random) == 0 {
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...400, using: &random)))
                    try await shop.kill()
                    try shop.launch()
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...400, using: &random)))
                } else {
                    try await Task.sleep(for: .milliseconds(Int.random(in: 100...1500, using: &random)))
                }
                try await shop.kill()
                try await shop.start()
            }
            record.finish()
            try await group.waitForAll()
        }
        try await check(shop, customers, record)
    }

    private func check(_ shop: LiveShop, _ customers: [Customer], _ record: Record) async throws {
        var statuses: [String: String] = [:]
        for customer in customers {
            var orders: [Customer.Seen] = []
            try await eventually(within: .seconds(90)) {
                orders = try await customer.orders()
                return orders.allSatisfy { $0.status != "pending" }
            }
            for order in orders { statuses[order.id] = order.status }
        }
        let accepted = record.accepted
        for (key, id) in accepted { #expect(statuses[id] != nil, "the order \(id) of \(key) was accepted, and is gone") }
        #expect(record.contradictions == [])
        let counts = Dictionary(grouping: statuses.values, by: { $0 }).mapValues(\.count)
        print("kill test: \(accepted.count) orders accepted, \(counts), \(record.retries) requests repeated")
        #expect((counts["confirmed"] ?? 0) > 20)
        #expect((counts["cancelled"] ?? 0) > 5)
        #expect(try await shop.stop() == 0, "\(shop.log)")
        let audit = try await shop.audit()
        #expect(audit.status == 0, "\(audit.output)")
    }
}

/// What the customers of a test were promised.
final class Record: Sendable {
    private struct State {
        var accepted: [String: String] = [:]
        var contradictions: [String] = []
        var retries = 0
        var isFinished = false
    }

    private let state = Locked(State())

    var accepted: [String: String] { state.withLock { $0.accepted } }
    var contradictions: [String] { state.withLock { $0.contradictions } }
    var retries: Int { state.withLock { $0.retries } }
    var isFinished: Bool { state.withLock { $0.isFinished } }

    func finish() { state.withLock { $0.isFinished = true } }
    func retried() { state.withLock { $0.retries += 1 } }

    /// The shop said that this key has this order.
    func accept(_ key: String, _ id: String) {
        state.withLock { state in
            if let before = state.accepted[key], before != id {
                state.contradictions.append("\(key) has the orders \(before) and \(id)")
            }
            state.accepted[key] = id
        }
    }

    func contradict(_ text: String) { state.withLock { $0.contradictions.append(text) } }
}
