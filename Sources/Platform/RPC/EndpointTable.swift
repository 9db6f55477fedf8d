import ApusCoordination
import ApusPlacement
import ApusPrimitives
import ApusResilience

/// What a client knows of the instances it calls: calls under way and a breaker for each. A pure value.
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
    }

    private struct Endpoint {
        var breaker: CircuitBreaker
        var inFlight = 0
    }

    private let configuration: CircuitBreaker.Configuration
    private var endpoints: [String: [Key: Endpoint]] = [:]
    private var balancer = PowerOfTwoChoices<Int>()

    init(breaker configuration: CircuitBreaker.Configuration) {
        self.configuration = configuration
    }

    /// The less loaded of two random instances whose breakers are not open, and that were not tried for this request.
    ///
    /// - Returns: nil when there is none that was not tried.
    /// - Throws: a `ResilienceError` with the code `.circuitOpen` and the earliest moment to try again, when all breakers
    ///   refuse.
    mutating func pick(
        from instances: [ServiceInstance], besides tried: Set<Key>, at now: MonotonicTime,
        using random: inout some RandomNumberGenerator
    ) throws(ResilienceError) -> Lease? {
        guard let service = instances.first?.service else { return nil }
        forget(service, except: instances)
        var refusal: ResilienceError?
        var candidates: [(instance: ServiceInstance, key: Key)] = []
        for instance in instances where instance.weight > 0 {
            let key = Key(instance)
            if tried.contains(key) { continue }
            if endpoint(key).breaker.admits(at: now) { candidates.append((instance, key)) }
        }
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
                endpoints[service, default: [:]][key] = chosen
                return Lease(key: key, instance: instance, permit: permit)
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

    mutating func finish(_ lease: Lease, _ outcome: CircuitBreaker.Outcome, at now: MonotonicTime)
        -> CircuitBreaker.Transition?
    {
        guard var endpoint = endpoints[lease.key.service]?[lease.key] else { return nil }
        endpoint.inFlight -= 1
        let transition = endpoint.breaker.record(lease.permit, outcome, at: now)
        endpoints[lease.key.service]![lease.key] = endpoint
        return transition
    }

    /// Calls under way to an instance.
    func inFlight(_ instance: ServiceInstance) -> Int {
        endpoints[instance.service]?[Key(instance)]?.inFlight ?? 0
    }

    private func endpoint(_ key: Key) -> Endpoint {
        endpoints[key.service]?[key]
            ?? Endpoint(breaker: CircuitBreaker("breaker of \(key.id)", configuration: configuration))
    }

    /// Drops what is not listed any more and has no call under way.
    private mutating func forget(_ service: String, except instances: [ServiceInstance]) {
        guard let known = endpoints[service], known.count > instances.count else { return }
        let listed = Set(instances.map(Key.init))
        endpoints[service] = known.filter { listed.contains($0.key) || $0.value.inFlight > 0 }
    }

    private static func earlier(_ left: ResilienceError?, _ right: ResilienceError) -> ResilienceError {
        guard let left, let wait = left.retryAfter else { return right }
        guard let other = right.retryAfter else { return left }
        return wait <= other ? left : right
    }
}
