import ApusPrimitives
import AsyncHTTPClient
import Foundation
import TestSupport
import Testing

@testable import shop

extension LiveTests {
    /// Thousands of bad requests at the gateway and at every service: refused, without a crash, a leak or a wrong entry.
    struct BadRequestTests {
        static let requests = 6_000
        static let clients = 16
        /// How much more memory the process may hold afterwards than after the first thousand.
        static let allowedGrowth = 96 << 20

        @Test(.timeLimit(.minutes(5)))
        func sixThousandBadRequestsDoNoHarm() async throws {
            let seed = ProcessInfo.processInfo.environment["APUS_SEED"].flatMap(UInt64.init) ?? 0xBAD
            let shop = try await LiveShop()
            try await shop.start()
            let client = HTTPClient(eventLoopGroupProvider: .singleton)
            do {
                try await run(shop, client, seed)
                try await client.shutdown()
            } catch {
                try await client.shutdown()
                Issue.record("seed \(seed): \(error)\n\(shop.log)")
            }
        }

        private func run(_ shop: LiveShop, _ client: HTTPClient, _ seed: UInt64) async throws {
            let customer = try await Customer("bad", client: client, url: shop.url)
            let order = try await buy(customer)
            let userID = try #require(Self.subject(of: customer.tokens.access))
            let maker = BadRequestMaker(
                goodToken: customer.tokens.access,
                badTokens: try BadRequestMaker.badTokens(like: customer.tokens.access, userID: userID),
                orderID: order, userID: userID)
            let instances = shop.instances
            #expect(instances.count == ShopPart.services.count)
            // The gateway as often as all services together.
            let ports = instances.map(\.port) + [Int](repeating: shop.port, count: instances.count)
            let found = Findings()

            async let slow: Void = slowClients(ports: Set(ports).sorted(), found)
            try await send(1_000, maker, ports, seed, found)
            let before = shop.residentBytes
            try await send(Self.requests - 1_000, maker, ports, seed + 1, found)
            try await slow

            #expect(found.faults == [], "seed \(seed)")
            #expect(shop.isRunning, "\(shop.log)")
            print("bad requests: \(found.counts) answers by status, \(found.unanswered) closed without one")
            var after = 0
            do {
                try await eventually(within: .seconds(20)) {
                    after = shop.residentBytes
                    return after < before + Self.allowedGrowth
                }
            } catch { Issue.record("memory grew from \(before >> 20) MiB to \(after >> 20) MiB") }
            print(
                "bad requests: resident memory \(before >> 20) MiB after the first thousand, \(after >> 20) MiB at the end"
            )

            _ = try await buy(customer)
            try await eventually(within: .seconds(60)) {
                try await customer.orders().allSatisfy { $0.status != "pending" }
            }
            #expect(try await shop.stop() == 0, "\(shop.log)")
            let audit = try await shop.audit()
            #expect(audit.status == 0, "\(audit.output)")
        }

        /// A good order goes through before and after.
        private func buy(_ customer: Customer) async throws -> String {
            let added = try await customer.add("field-guide", quantity: 1)
            #expect(added.status == 200, "\(added.text)")
            let placed = try await customer.order(card: TestCard.approves.rawValue, key: nil).decode(
                Customer.Placed.self)
            try await eventually(within: .seconds(60)) {
                let seen = try await customer.get("/orders/\(placed.id)").decode(Customer.Seen.self)
                return seen.status == "confirmed"
            }
            return placed.id
        }

        private func send(
            _ count: Int, _ maker: BadRequestMaker, _ ports: [Int], _ seed: UInt64, _ found: Findings
        ) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                var random = SeededRandom(seed: seed)
                for _ in 0..<Self.clients {
                    let own = random.split()
                    group.addTask {
                        var random = own
                        for _ in 0..<(count / Self.clients + 1) {
                            let request = maker.make(using: &random)
                            let port = ports[Int.random(in: 0..<ports.count, using: &random)]
                            try await exchange(request, port: port, found)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }

        private func exchange(_ request: BadRequest, port: Int, _ found: Findings) async throws {
            let connection = try await RawConnection.connect(port: port, reads: request.manner != .unread)
            do {
                switch request.manner {
                case .inPieces:
                    for start in stride(from: 0, to: request.bytes.count, by: max(1, request.bytes.count / 5)) {
                        let piece = request.bytes[
                            start..<min(request.bytes.count, start + max(1, request.bytes.count / 5))]
                        try await connection.send(Array(piece))
                    }
                default: try await connection.send(request.bytes)
                }
                if request.manner == .truncated { try await connection.finishSending() }
            } catch {
                // Refused before it was sent whole: the answer, if any, is there already.
            }
            if request.manner != .disconnecting, request.manner != .unread {
                do {
                    try await eventually(within: .milliseconds(1500)) {
                        connection.isClosed || !found.statuses(in: connection.received).isEmpty
                    }
                } catch is NeverHeld {
                    // It still waits for the rest of the request, as it should; its own timeout is tried by `slowClients`.
                }
                found.note(connection.received, of: request)
            }
            await connection.close()
        }

        /// Clients that never finish their request are told so, or closed, well before a minute.
        private func slowClients(ports: [Int], _ found: Findings) async throws {
            let beginnings = [
                "GET / HT", "POST /users HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{", "G",
                "POST /users HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for port in ports {
                    for beginning in beginnings {
                        group.addTask {
                            let connection = try await RawConnection.connect(port: port)
                            try await connection.send(beginning)
                            do {
                                try await connection.waitUntilClosed(within: .seconds(50))
                            } catch { found.fault("a client that sent \(beginning.debugDescription) was kept waiting") }
                            // 404: most services have no /users, and say so without waiting for a body.
                            for status in found.statuses(in: connection.received)
                            where ![400, 404, 408].contains(status) {
                                found.fault("a slow client got \(status)")
                            }
                            await connection.close()
                        }
                    }
                }
                try await group.waitForAll()
            }
        }

        private static func subject(of token: String) -> String? {
            struct Claims: Decodable {
                let sub: String
            }
            let parts = token.split(separator: ".")
            guard parts.count == 3, let payload = Base64URL.decode(parts[1].utf8) else { return nil }
            return try? JSONDecoder().decode(Claims.self, from: Data(payload)).sub
        }
    }
}

/// What came back, counted, and what must not have come.
private final class Findings: Sendable {
    private struct State {
        var counts: [Int: Int] = [:]
        var faults: [String] = []
        var unanswered = 0
    }

    private let state = Locked(State())

    var faults: [String] { state.withLock { Array($0.faults.prefix(20)) } }
    var unanswered: Int { state.withLock { $0.unanswered } }

    var counts: String {
        state.withLock { $0.counts }.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    }

    func fault(_ text: String) { state.withLock { $0.faults.append(text) } }

    func note(_ received: [UInt8], of request: BadRequest) {
        let statuses = statuses(in: received)
        state.withLock { state in
            if statuses.isEmpty { state.unanswered += 1 }
            for status in statuses { state.counts[status, default: 0] += 1 }
        }
        let text = String(decoding: received.prefix(2000), as: UTF8.self)
        for status in statuses where status >= 500 && ![502, 503, 504].contains(status) {
            fault("\(status) for \(request.text.debugDescription): \(text)")
        }
        if let first = statuses.first, first >= 400, !request.isHead,
            !text.lowercased().contains("content-type: application/problem+json")
        {
            fault("no problem for \(request.text.debugDescription): \(text)")
        }
    }

    /// The status of every response in `received`.
    func statuses(in received: [UInt8]) -> [Int] {
        String(decoding: received, as: UTF8.self).split(separator: "\r\n").compactMap { line in
            guard line.hasPrefix("HTTP/1.1 ") || line.hasPrefix("HTTP/1.0 ") else { return nil }
            return Int(line.dropFirst(9).prefix(3))
        }.filter { $0 != 100 }
    }
}
