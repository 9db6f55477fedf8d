import ApusObservability
import ApusResilience
import Logging

/// The policies of a client, one for each service, all set alike.
struct ClientPolicies {
    /// Services beyond so many share one more policy, so that somebody who invents names does not fill the memory.
    static let maxServices = 1_024

    private var configuration: ResiliencePolicy.Configuration
    private var policies: [String: ResiliencePolicy] = [:]
    private var others: ResiliencePolicy?

    init(_ configuration: ResiliencePolicy.Configuration) {
        self.configuration = configuration
    }

    /// The deadline is the client's own doing, because a request may bring another.
    var timeout: Duration? { configuration.deadline }

    mutating func policy(of service: String, on time: TimeSource, _ logger: Logger) -> ResiliencePolicy {
        if let policy = policies[service] { return policy }
        if policies.count >= Self.maxServices, let others { return others }
        let isOther = policies.count >= Self.maxServices
        // The host of the client may have a policy for the service too: they are told apart by name.
        let name = isOther ? "other clients" : "\(service) client"
        let metrics = PolicyMetrics(name, logger: logger)
        let policy = ResiliencePolicy(name, configuration.withoutDeadline, on: time, onEvent: metrics.record)
        if isOther { others = policy } else { policies[service] = policy }
        return policy
    }

    /// - Returns: the policies that there are, to be updated outside of a lock.
    mutating func update(_ configuration: ResiliencePolicy.Configuration) -> [ResiliencePolicy] {
        self.configuration = configuration
        return Array(policies.values) + (others.map { [$0] } ?? [])
    }
}

extension ResiliencePolicy.Configuration {
    var withoutDeadline: Self {
        var copy = self
        copy.deadline = nil
        return copy
    }
}
