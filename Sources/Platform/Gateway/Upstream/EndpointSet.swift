import ApusCoordination
import ApusPlacement
import ApusPrimitives
import NIOCore

/// The instances of one service as one event loop sees them. Stays on its event loop.
final class EndpointSet {
    /// How old the view of the directory may be.
    static let maxAge = TimeAmount.milliseconds(20)

    let service: String
    private(set) var endpoints: [Endpoint] = []
    private let instances: @Sendable (String) -> [ServiceInstance]
    private let policy: EjectionPolicy
    private var refreshed: NIODeadline?
    private var balancer = PowerOfTwoChoices<Int>()
    private var candidates: [Candidate<Int>] = []

    init(
        service: String, policy: EjectionPolicy, instances: @escaping @Sendable (String) -> [ServiceInstance]
    ) {
        self.service = service
        self.policy = policy
        self.instances = instances
    }

    /// The instance for the next attempt: one that is not ejected, or else any, apart from those already tried.
    func pick(
        excluding tried: [Endpoint], at now: NIODeadline, using random: inout SeededRandom
    ) -> Endpoint? {
        refresh(at: now)
        if endpoints.count == 1 {
            guard let only = endpoints.first, tried.isEmpty, only.instance.weight > 0 else { return nil }
            return only
        }
        return pick(using: &random) { !Self.contains(tried, $0) && $0.health.isAvailable(at: now) }
            ?? pick(using: &random) { !Self.contains(tried, $0) }
    }

    /// Whether an instance that is neither ejected nor among `tried` is left.
    func hasAlternative(to tried: [Endpoint], at now: NIODeadline) -> Bool {
        endpoints.contains {
            $0.instance.weight > 0 && !Self.contains(tried, $0) && $0.health.isAvailable(at: now)
        }
    }

    /// - Parameter connectionFailed: false when the instance answered with a 5xx. Answers may only eject half of the
    ///   instances, since one bad request repeated often enough could otherwise eject them all.
    /// - Returns: whether the instance was ejected.
    func failed(_ endpoint: Endpoint, connectionFailed: Bool, at now: NIODeadline) -> Bool {
        let left = endpoints.count { $0 !== endpoint && !$0.health.isEjected(at: now) }
        let mayEject = left > 0 && (connectionFailed || left * 2 >= endpoints.count)
        return endpoint.health.failed(at: now, policy: policy, mayEject: mayEject)
    }

    func closeIdle(since limit: NIODeadline) {
        for endpoint in endpoints { endpoint.closeIdle(since: limit) }
    }

    func removeAll() {
        for endpoint in endpoints { endpoint.remove() }
        endpoints = []
    }

    private func pick(using random: inout SeededRandom, where usable: (Endpoint) -> Bool) -> Endpoint? {
        candidates.removeAll(keepingCapacity: true)
        for (index, endpoint) in endpoints.enumerated() where usable(endpoint) {
            candidates.append(Candidate(id: index, weight: endpoint.instance.weight, inFlight: endpoint.inFlight))
        }
        return balancer.pick(from: candidates, using: &random).map { endpoints[candidates[$0].id] }
    }

    /// Takes over what the directory says; instances that stay keep their health and their connections.
    private func refresh(at now: NIODeadline) {
        if let refreshed, now < refreshed + Self.maxAge, !endpoints.isEmpty { return }
        refreshed = now
        let current = instances(service)
        guard current.count != endpoints.count || !zip(current, endpoints).allSatisfy({ $0 == $1.instance }) else {
            return
        }
        var old = endpoints
        endpoints = current.map { instance in
            guard let index = old.firstIndex(where: { $0.update(instance) }) else { return Endpoint(instance) }
            return old.remove(at: index)
        }
        for endpoint in old { endpoint.remove() }
    }

    private static func contains(_ tried: [Endpoint], _ endpoint: Endpoint) -> Bool {
        tried.contains { $0 === endpoint }
    }
}
