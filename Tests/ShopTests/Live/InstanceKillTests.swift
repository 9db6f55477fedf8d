import ApusCoordination
import ApusGateway
import ApusHosting
import ApusPrimitives
import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import TestSupport
import Testing

@testable import shop

extension LiveTests {
    /// One instance of each service dies under load; whatever was safe to retry is answered as if nothing had happened.
    struct InstanceKillTests {
        @Test(.timeLimit(.minutes(3)))
        func theGatewayGoesOnWhenInstancesDie() async throws {
            let folder = try TemporaryDirectory()
            let settings = try RunSettings(
                flags: .init(port: "0", data: folder.file("data"), instances: "2"), environment: [:])
            var logger = Logger(label: "test")
            logger.logLevel = .error
            let shop = try await ShopApplication(settings, logger: logger)
            let group = ServiceGroup(configuration: .init(services: shop.services, logger: logger))
            let client = HTTPClient(eventLoopGroupProvider: .singleton)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                do {
                    try await load(shop, client)
                } catch {
                    Issue.record("\(error)")
                }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            try await client.shutdown()
            await shop.close()
            let books = try await Books(await AuditCopy(of: settings.data))
            #expect(books.discrepancies() == [])
        }

        private func load(_ shop: ShopApplication, _ client: HTTPClient) async throws {
            try await shop.waitUntilReady()
            let port = try #require(try await shop.gateway?.boundAddress.port)
            let url = "http://127.0.0.1:\(port)"
            let failures = Locked<[String]>([])
            let answered = Locked(0)
            let isOver = Locked(false)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 1...6 {
                    let customer = try await Customer("under-load-\(number)", client: client, url: url)
                    tasks.addTask {
                        var round = 0
                        while !isOver.withLock({ $0 }) {
                            round += 1
                            // Adding to a cart has no key, so it may fail; what follows may not.
                            _ = try? await customer.add("nest-box", quantity: 1)
                            let key = "\(number)-\(round)"
                            let calls: [(String, () async throws -> Customer.Answer)] = [
                                ("GET /products", { try await customer.get("/products") }),
                                ("GET /cart", { try await customer.get("/cart") }),
                                ("GET /orders", { try await customer.get("/orders") }),
                                (
                                    "POST /orders",
                                    { try await customer.order(card: TestCard.approves.rawValue, key: key) }
                                ),
                            ]
                            for (name, call) in calls {
                                do {
                                    let answer = try await call()
                                    let isFine = answer.status < 300 || answer.text.contains("empty-cart")
                                    if !isFine {
                                        failures.withLock { $0.append("\(name): \(answer.status) \(answer.text)") }
                                    }
                                } catch { failures.withLock { $0.append("\(name): \(error)") } }
                                answered.withLock { $0 += 1 }
                            }
                        }
                    }
                }
                for part in ["order", "inventory", "cart", "user", "auth", "payment"] {
                    let before = answered.withLock { $0 }
                    try await eventually(within: .seconds(30)) { answered.withLock { $0 } > before + 60 }
                    let member = try #require(shop.members.first { $0.instance.id == "\(part)-1" })
                    member.kill()
                }
                let before = answered.withLock { $0 }
                try await eventually(within: .seconds(60)) { answered.withLock { $0 } > before + 300 }
                isOver.withLock { $0 = true }
                try await tasks.waitForAll()
            }
            #expect(failures.withLock { $0 } == [])
            print("instance kills: \(answered.withLock { $0 }) requests answered over six deaths")
            let customer = try await Customer("afterwards", client: client, url: url)
            try await eventually(within: .seconds(60)) {
                struct Recent: Decodable { let orders: [Customer.Seen] }
                let member = try #require(shop.members.first { $0.instance.id == "order-2" })
                let order = try await member.host.boundAddress.url
                let recent = try await Customer.call(client, .GET, "\(order)/internal/orders/recent?limit=50")
                return try recent.decode(Recent.self).orders.allSatisfy { $0.status != "pending" }
            }
            _ = customer
        }
    }
}
