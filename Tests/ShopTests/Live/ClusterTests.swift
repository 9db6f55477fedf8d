import ApusPrimitives
import ApusRPC
import AsyncHTTPClient
import Foundation
import NIOHTTP1
import TestSupport
import Testing

@testable import shop

extension LiveTests {
    /// The shop as many processes, each of which dies by `kill -9` while customers order.
    struct ClusterTests {
        static let customers = 6

        @Test(.timeLimit(.minutes(5)))
        func itSurvivesTheLossOfAnyOneProcess() async throws {
            let cluster = try await LiveCluster()
            let nodes = cluster.nodes
            let services = [
                "user-1", "auth-2", "cart-1", "inventory-2", "payment-1", "order-2", "order-1", "dashboard-1",
            ]
            try await load(cluster, "cluster") { record in
                let leader = try await Self.leader(of: nodes.map(\.url))
                let follower = (leader + 1) % nodes.count
                for index in [leader, follower] {
                    try await Self.disturbing(record) { try await cluster.kill(nodes[index].name) }
                }
                for service in services {
                    try await record.waitForAnswers(10)
                    try await cluster.kill(service)
                }
                for gateway in ["gateway-1", "gateway-2"] {
                    try await record.waitForAnswers(10)
                    try await cluster.kill(gateway)
                }
            }
            try await theOperatorReachesEveryProcess(cluster)
            #expect(try await cluster.end(SIGINT) == 0, "\(cluster.log)")
            try await checkEnd(of: cluster)
        }

        /// The same with a control plane that is there already; and nothing is left when the starter itself is killed.
        @Test(.timeLimit(.minutes(5)))
        func itRunsOnEtcd() async throws {
            let etcd = try await EtcdServer(.etcd(), count: 3)
            let cluster = try await LiveCluster(arguments: ["--endpoints", etcd.endpointList])
            #expect(cluster.nodes.isEmpty)
            try await load(cluster, "cluster on etcd") { record in
                let leader = etcd.members[try await Self.leader(of: etcd.endpoints)]
                try await Self.disturbing(record) {
                    try await leader.kill()
                    try await record.waitForAnswers(10)
                    try leader.start()
                    try await leader.waitUntilReady()
                }
                for member in ["order-1", "payment-2", "gateway-1"] {
                    try await record.waitForAnswers(10)
                    try await cluster.kill(member)
                }
            }
            _ = try await cluster.end(SIGKILL)
            try await checkEnd(of: cluster)
        }

        /// Customers at both gateways order while `body` runs; then what they were promised is checked.
        private func load(
            _ cluster: LiveCluster, _ title: String, _ body: @escaping @Sendable (Record) async throws -> Void
        ) async throws {
            let seed = ProcessInfo.processInfo.environment["APUS_SEED"].flatMap(UInt64.init) ?? 0xC105
            var random = SeededRandom(seed: seed)
            let client = HTTPClient(eventLoopGroupProvider: .singleton)
            let record = Record()
            do {
                let customers = try await withThrowingTaskGroup(of: Customer.self) { group in
                    for number in 0..<Self.customers {
                        let doors = Doors(cluster.doors, first: number)
                        group.addTask { try await Customer("\(number)", client: client, doors: doors) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for customer in customers {
                        let shopper = Shopper(customer: customer, record: record, random: random.split())
                        group.addTask { try await shopper.shop() }
                    }
                    try await record.waitForAnswers(30)
                    try await body(record)
                    try await record.waitForAnswers(30)
                    record.finish()
                    try await group.waitForAll()
                }
                let outcomes = try await record.check(customers, title)
                #expect(outcomes["approves confirmed", default: 0] > 10)
                #expect(customers.contains { $0.doors.turns > 0 }, "nobody had to use the other gateway")
            } catch {
                Issue.record("seed \(seed): \(error)\n\(cluster.output)\n\(cluster.log)")
            }
            try await client.shutdown()
        }

        /// What is set at the one page holds in the processes of a service, which are others.
        private func theOperatorReachesEveryProcess(_ cluster: LiveCluster) async throws {
            let page = try #require(cluster.url(of: "dashboard-2"))
            let keeper = Operator(client: HTTPClient.shared, url: "\(page)/internal/settings")
            let customer = try await Customer("late", client: HTTPClient.shared, doors: Doors(cluster.doors))
            #expect(try await keeper.set("order", "accepting", to: .bool(false)).status == 200)
            // By both: chance decides whom the gateway asks.
            for _ in 0..<6 {
                try await eventually {
                    try await customer.order(card: TestCard.approves.rawValue, key: "late").text.contains(
                        "order.accepting")
                }
            }
            #expect(try await keeper.reset("order", "accepting").status == 200)
        }

        /// No process is left, and the books are right.
        private func checkEnd(of cluster: LiveCluster) async throws {
            try await eventually { cluster.processes.allSatisfy { kill($0, 0) != 0 } }
            let audit = try await LiveShop.run(["audit", "--data", cluster.data])
            #expect(audit.status == 0, "\(audit.output)")
        }

        /// While members of the control plane die, a logout is known only to who has heard of it.
        private static func disturbing(_ record: Record, _ body: () async throws -> Void) async throws {
            try await record.waitForAnswers(10)
            record.disturb()
            try await body()
            try await record.waitForAnswers(10)
            record.disturb()
        }

        /// The index of the member that leads.
        private static func leader(of urls: [String]) async throws -> Int {
            struct Status: Decodable {
                struct Header: Decodable {
                    let member: String

                    enum CodingKeys: String, CodingKey {
                        case member = "member_id"
                    }
                }

                let header: Header
                let leader: String?
            }
            var found: Int?
            try await eventually {
                for (index, url) in urls.enumerated() {
                    let answer = try await Customer.call(
                        HTTPClient.shared, .POST, "\(url)/v3/maintenance/status", body: [String: String]())
                    let status = try answer.decode(Status.self)
                    if status.leader == status.header.member { found = index }
                }
                return found != nil
            }
            return found ?? 0
        }
    }
}

extension Record {
    /// Returns when so many more requests were answered: the load goes on.
    func waitForAnswers(_ count: Int) async throws {
        let goal = answers + count
        try await eventually { self.answers >= goal }
    }
}
