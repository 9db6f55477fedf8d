import ApusChannels
import ApusCoordination
import ApusPrimitives
import ApusRPC
import ApusResilience
import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// Asks the platform how it is.
struct DashboardSource: Sendable {
    /// How long an instance may take to say that it is well.
    static let healthTimeout = Duration.milliseconds(500)
    /// Instances asked at the same time.
    static let maxConcurrent = 16
    /// Instances shown of one service.
    static let maxInstances = 64
    static let orderCount = 20

    let directory: ServiceDirectory
    let client: PeerClient
    let clock: WallClock
    let policy: ResiliencePolicy
    private let lastOrders = Locked<[RecentOrder]?>(nil)

    init(_ platform: ShopPlatform) {
        directory = platform.directory
        client = platform.client
        clock = platform.clock
        policy = platform.policy(ShopPolicies.dashboardOrders, ShopPolicies.display)
    }

    func snapshot() async -> DashboardSnapshot {
        await RequestPriority.$current.withValue(.background) {
            async let recent = orders()
            let found = await services()
            return DashboardSnapshot(takenAt: clock.milliseconds, services: found, orders: await recent)
        }
    }

    /// The last orders; while the order service is away, those that it told of last.
    private func orders() async -> DashboardSnapshot.Orders {
        do {
            let orders = try await policy.run(
                .safe,
                fallback: { error in
                    guard let last = lastOrders.withLock({ $0 }) else { throw error }
                    return last
                }
            ) { _ in
                let path = "/internal/orders/recent?limit=\(Self.orderCount)"
                let orders = try await client.get("order", path, as: RecentOrders.self).orders
                lastOrders.withLock { $0 = orders }
                return orders
            }
            return DashboardSnapshot.Orders(list: orders.value, problem: orders.reason.map(Self.detail))
        } catch {
            return DashboardSnapshot.Orders(list: nil, problem: Self.detail(error))
        }
    }

    private static func detail(_ error: any Error) -> String {
        switch error {
        case let problem as Problem: problem.title
        case let error as ResilienceError where error.code == .fallbackFailed: error.cause.map(detail) ?? error.message
        case let error as ResilienceError where error.code == .deadlineExceeded: "no answer in time"
        default: "it cannot be reached"
        }
    }

    private func services() async -> [DashboardSnapshot.Service] {
        let services = directory.services.map { name in
            (name: name, instances: Array(directory.instances(of: name).prefix(Self.maxInstances)))
        }
        let health = await health(of: services.flatMap(\.instances))
        return services.map { name, instances in
            DashboardSnapshot.Service(
                name: name,
                instances: instances.map { instance in
                    DashboardSnapshot.Instance(
                        id: instance.id, address: "\(instance.host):\(instance.port)",
                        health: health[instance] ?? .unreachable(detail: "not asked"))
                })
        }
    }

    private func health(of instances: [ServiceInstance]) async -> [ServiceInstance: DashboardSnapshot.Health] {
        let health = Locked<[ServiceInstance: DashboardSnapshot.Health]>([:])
        // Fails only when nobody waits for the page any more.
        try? await withWaitGroup(atMost: Self.maxConcurrent) { group in
            for instance in instances {
                try await group.go {
                    let found = await Self.health(of: instance)
                    health.withLock { $0[instance] = found }
                }
            }
        }
        return health.withLock { $0 }
    }

    private static func health(of instance: ServiceInstance) async -> DashboardSnapshot.Health {
        let host = instance.host.contains(":") ? "[\(instance.host)]" : instance.host
        let start = ContinuousClock.now
        do {
            let answer = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: "http://\(host):\(instance.port)/readyz"),
                timeout: .nanoseconds(healthTimeout.nanoseconds))
            let body = try await answer.body.collect(upTo: 16 << 10)
            guard answer.status == .ok else {
                return .unready(detail: reasons(body) ?? "it answers \(answer.status.code)")
            }
            return .up(milliseconds: Int(start.duration(to: .now) / .milliseconds(1)))
        } catch {
            let took = start.duration(to: .now)
            let isLate = took >= healthTimeout
            return .unreachable(
                detail: isLate ? "no answer in \(healthTimeout.nanoseconds / 1_000_000) ms" : "no connection")
        }
    }

    /// What the checks of a health report complain about.
    private static func reasons(_ body: ByteBuffer) -> String? {
        struct Report: Decodable {
            struct Check: Decodable {
                let name: String
                let detail: String?
            }
            let checks: [Check]
        }
        guard let report = try? JSONDecoder().decode(Report.self, from: Data(body.readableBytesView)) else {
            return nil
        }
        let reasons = report.checks.compactMap { check in check.detail.map { "\(check.name): \($0)" } }
        return reasons.isEmpty ? nil : reasons.joined(separator: "; ")
    }
}
