import ApusCoordination
import ApusPlacement
import ApusPrimitives
import ApusResilience
import NIOCore

/// The instances of one service as one event loop sees them. Stays on its event loop.
final class EndpointSet {
    /// How old the view of the directory may be.
    static let maxAge = TimeAmount.milliseconds(20)

    let service: String
    private(set) var endpoints: [Endpoint] = []
    private let instances: @Sendable (String) -> [ServiceInstance]
    private(set) var budget: RetryBudget
    private var detector: OutlierDetector<ObjectIdentifier>
    private var refreshed: NIODeadline?
    private var balancer = PowerOfTwoChoices<Int>()
    private var candidates: [Candidate<Int>] = []

    init(
        service: String, ejection: OutlierConfiguration = OutlierConfiguration(),
        retryBudget: RetryBudget.Configuration = RetryBudget.Configuration(),
        instances: @escaping @Sendable (String) -> [ServiceInstance]
    ) {
        self.service = service
        self.instances = instances
        detector = OutlierDetector(configuration: ejection)
        budget = RetryBudget("retry-budget", configuration: retryBudget)
    }

    /// The instance for the next attempt, apart from those already tried: one that is not ejected, and one that has just
    /// come back less often; or else any.
    func pick(
        excluding tried: [Endpoint], at now: NIODeadline, using random: inout SeededRandom
    ) -> Endpoint? {
        refresh(at: now)
        if endpoints.count == 1 {
            guard let only = endpoints.first, tried.isEmpty, only.instance.weight > 0 else { return nil }
            return only
        }
        if !detector.isQuiet {
            let moment = MonotonicTime(now)
            if let chosen = pick(
                excluding: tried, using: &random,
                where: { endpoint, random in
                    let weight = detector.weight(of: ObjectIdentifier(endpoint), at: moment)
                    return weight == 1 || weight > 0 && Double.random(in: 0..<1, using: &random) < weight
                })
            {
                return chosen
            }
            if let chosen = pick(
                excluding: tried, using: &random,
                where: { endpoint, _ in
                    detector.weight(of: ObjectIdentifier(endpoint), at: moment) > 0
                })
            {
                return chosen
            }
        }
        return pick(excluding: tried, using: &random) { _, _ in true }
    }

    /// Whether an instance that takes requests and is not among `tried` is left.
    func hasAlternative(to tried: [Endpoint], at now: NIODeadline) -> Bool {
        let moment = MonotonicTime(now)
        return endpoints.contains {
            $0.instance.weight > 0 && !Self.contains(tried, $0)
                && detector.weight(of: ObjectIdentifier($0), at: moment) > 0
        }
    }

    func isEjected(_ endpoint: Endpoint, at now: NIODeadline) -> Bool {
        detector.isEjected(ObjectIdentifier(endpoint), at: MonotonicTime(now))
    }

    /// A request is on its way to the instance.
    func began(_ endpoint: Endpoint, at now: NIODeadline) -> OutlierPermit {
        endpoint.began()
        return detector.began(ObjectIdentifier(endpoint), at: MonotonicTime(now))
    }

    /// What became of it: an answer, or that the connection failed. Answers eject no more than a share of the instances,
    /// since one bad request repeated often enough could otherwise eject them all.
    ///
    /// - Returns: the identifiers of instances that are left out from now on.
    func record(
        _ endpoint: Endpoint, _ permit: OutlierPermit, _ outcome: OutlierDetector<ObjectIdentifier>.Outcome,
        at now: NIODeadline
    ) -> [String] {
        let out = detector.record(ObjectIdentifier(endpoint), permit, outcome, at: MonotonicTime(now))
        guard !out.isEmpty else { return [] }
        return out.map { ejection in endpoints.first { ObjectIdentifier($0) == ejection.host }?.instance.id ?? "" }
    }

    /// The request is over, for this instance.
    func ended(_ endpoint: Endpoint, _ permit: OutlierPermit, at now: NIODeadline) {
        endpoint.ended()
        _ = record(endpoint, permit, .ignored, at: now)
    }

    /// A request comes in; it pays for a share of a second attempt.
    func requestBegan(at now: NIODeadline) {
        budget.recordCall(at: MonotonicTime(now))
    }

    /// Leave to send a request to a second instance.
    func mayTryAgain(at now: NIODeadline) -> Bool {
        budget.withdraw(at: MonotonicTime(now))
    }

    func closeIdle(since limit: NIODeadline) {
        for endpoint in endpoints { endpoint.closeIdle(since: limit) }
    }

    func removeAll() {
        for endpoint in endpoints { endpoint.remove() }
        endpoints = []
    }

    private func pick(
        excluding tried: [Endpoint], using random: inout SeededRandom,
        where usable: (Endpoint, inout SeededRandom) -> Bool
    ) -> Endpoint? {
        candidates.removeAll(keepingCapacity: true)
        for (index, endpoint) in endpoints.enumerated()
        where !Self.contains(tried, endpoint) && usable(endpoint, &random) {
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
        detector.update(endpoints.lazy.map { ObjectIdentifier($0) })
        for endpoint in old { endpoint.remove() }
    }

    private static func contains(_ tried: [Endpoint], _ endpoint: Endpoint) -> Bool {
        tried.contains { $0 === endpoint }
    }
}

extension MonotonicTime {
    /// The same moment on the same clock.
    init(_ deadline: NIODeadline) {
        self.init(nanoseconds: Int64(clamping: deadline.uptimeNanoseconds))
    }
}
