import ApusCoordination
import ApusPlacement
import ApusPrimitives
import ApusResilience

/// What a client knows of the services it calls: of each which instances do worse than the others; of each instance the calls under way and a breaker. A pure value.
struct EndpointTable {
    /// An instance that moved to another address is another endpoint.
    struct Key: Hashable {
        let service: String
        let id: String
        let host: String
        let port: Int

        init(_ instance: ServiceInstance) {
            service = instance.service
            id = instance.id
            host = instance.host
            port = instance.port
        }
    }

    /// Leave for one call to one instance; to be given back with `finish`.
    struct Lease {
        let key: Key
        let instance: ServiceInstance
        let permit: CircuitBreaker.Permit
        let outlierPermit: OutlierPermit
    }

    private struct Endpoint {
        var breaker: CircuitBreaker
        var inFlight = 0
    }

    private struct Service {
        var endpoints: [Key: Endpoint] = [:]
        /// What was listed last; only a change is looked at.
        var instances: [ServiceInstance] = []
        var detector: OutlierDetector<Key>
    }

    private let configuration: CircuitBreaker.Configuration
    private let outliers: OutlierConfiguration
    private var services: [String: Service] = [:]
    private var balancer = PowerOfTwoChoices<Int>()

    init(
        breaker configuration: CircuitBreaker.Configuration, outliers: OutlierConfiguration = OutlierConfiguration()
    ) {
        self.configuration = configuration
        self.outliers = outliers
    }

    /// Whether there is an instance that was not tried and would be called.
    func hasOther(than tried: Set<Key>, in instances: [ServiceInstance], at now: MonotonicTime) -> Bool {
        instances.contains { instance in
            let key = Key(instance)
            return instance.weight > 0 && !tried.contains(key) && endpoint(key).breaker.admits(at: now)
        }
    }

    /// The less loaded of two random instances whose breakers are not open, that are not ejected, and that were not tried
    /// for this request. One that has just come back is in the choice less often; when all are ejected, none is.
    ///
    /// - Returns: nil when there is none that was not tried.
    /// - Throws: a `ResilienceError` with the code `.circuitOpen` and the earliest moment to try again, when all breakers
    ///   refuse.
    mutating func pick(
        from instances: [ServiceInstance], besides tried: Set<Key>, at now: MonotonicTime,
        using random: inout some RandomNumberGenerator
    ) throws(ResilienceError) -> Lease? {
        guard let service = instances.first?.service else { return nil }
        update(service, instances)
        var refusal: ResilienceError?
        var admitted: [(instance: ServiceInstance, key: Key)] = []
        for instance in instances where instance.weight > 0 {
            let key = Key(instance)
            if tried.contains(key) { continue }
            if endpoint(key).breaker.admits(at: now) { admitted.append((instance, key)) }
        }
        var candidates = trusted(admitted, of: service, at: now, using: &random)
        while !candidates.isEmpty {
            let loads = candidates.enumerated().map { index, candidate in
                Candidate(id: index, weight: candidate.instance.weight, inFlight: endpoint(candidate.key).inFlight)
            }
            guard let index = balancer.pick(from: loads, using: &random) else { return nil }
            let (instance, key) = candidates.remove(at: index)
            var chosen = endpoint(key)
            do throws(ResilienceError) {
                let permit = try chosen.breaker.acquire(at: now)
                chosen.inFlight += 1
                services[service]!.endpoints[key] = chosen
                let outlierPermit = services[service]!.detector.began(key, at: now)
                return Lease(key: key, instance: instance, permit: permit, outlierPermit: outlierPermit)
            } catch {
                refusal = Self.earlier(refusal, error)
            }
        }
        for instance in instances where instance.weight > 0 && !tried.contains(Key(instance)) {
            var breaker = endpoint(Key(instance)).breaker
            do throws(ResilienceError) { _ = try breaker.acquire(at: now) } catch {
                refusal = Self.earlier(refusal, error)
            }
        }
        if let refusal { throw refusal }
        return nil
    }

    /// What an outcome changed.
    struct Change {
        var breaker: CircuitBreaker.Transition?
        /// Instances that are left out from now on.
        var ejected: [OutlierDetector<Key>.Ejection] = []
    }

    /// - Parameters:
    ///   - isUnreachable: the instance did not answer at all.
    ///   - letNobodyIn: its host refused the call. If the others do better, the instance is left out; but no breaker opens,
    ///     because they all might, when there is too much for all to do.
    mutating func finish(
        _ lease: Lease, _ outcome: CircuitBreaker.Outcome, isUnreachable: Bool = false, letNobodyIn: Bool = false,
        at now: MonotonicTime
    ) -> Change {
        var change = Change()
        guard services[lease.key.service] != nil else { return change }
        let judged: OutlierDetector<Key>.Outcome =
            switch outcome {
            case .success: .success
            case .failure: isUnreachable ? .unreachable : .failure
            case .ignored: .ignored
            }
        change.ejected = services[lease.key.service]!.detector.record(lease.key, lease.outlierPermit, judged, at: now)
        guard var endpoint = services[lease.key.service]?.endpoints[lease.key] else { return change }
        endpoint.inFlight -= 1
        change.breaker = endpoint.breaker.record(lease.permit, letNobodyIn ? .ignored : outcome, at: now)
        services[lease.key.service]!.endpoints[lease.key] = endpoint
        return change
    }

    /// Calls under way to an instance.
    func inFlight(_ instance: ServiceInstance) -> Int {
        services[instance.service]?.endpoints[Key(instance)]?.inFlight ?? 0
    }

    /// Those that are not ejected, each with the probability of its weight; when none is left those with any weight, and
    /// then all.
    private func trusted(
        _ all: [(instance: ServiceInstance, key: Key)], of service: String, at now: MonotonicTime,
        using random: inout some RandomNumberGenerator
    ) -> [(instance: ServiceInstance, key: Key)] {
        guard let detector = services[service]?.detector, !detector.isQuiet else { return all }
        let weights = all.map { detector.weight(of: $0.key, at: now) }
        let drawn = weights.map { $0 == 1 || $0 > 0 && Double.random(in: 0..<1, using: &random) < $0 }
        if drawn.contains(true) { return zip(all, drawn).filter(\.1).map(\.0) }
        let usable = zip(all, weights).filter { $0.1 > 0 }.map(\.0)
        return usable.isEmpty ? all : usable
    }

    private mutating func know(_ service: String) {
        guard services[service] == nil else { return }
        services[service] = Service(detector: OutlierDetector(configuration: outliers))
    }

    private func endpoint(_ key: Key) -> Endpoint {
        services[key.service]?.endpoints[key]
            ?? Endpoint(breaker: CircuitBreaker("breaker of \(key.id)", configuration: configuration))
    }

    /// Takes over the list, and drops what is not listed any more and has no call under way.
    private mutating func update(_ service: String, _ instances: [ServiceInstance]) {
        know(service)
        guard let known = services[service],
            known.instances != instances || known.endpoints.count > instances.count
        else { return }
        let keys = instances.map(Key.init)
        let listed = Set(keys)
        services[service]?.instances = instances
        services[service]?.detector.update(keys)
        services[service]?.endpoints = known.endpoints.filter { listed.contains($0.key) || $0.value.inFlight > 0 }
    }

    private static func earlier(_ left: ResilienceError?, _ right: ResilienceError) -> ResilienceError {
        guard let left, let wait = left.retryAfter else { return right }
        guard let other = right.retryAfter else { return left }
        return wait <= other ? left : right
    }
}
