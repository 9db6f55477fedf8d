public import ApusPrimitives

/// Leave for one call to a host, so that late outcomes can be told.
public struct OutlierPermit: Hashable, Sendable {
    let period: UInt64
    /// Which probe this is; nil for an ordinary call.
    let probe: UInt64?
}

/// Why a host was ejected.
public enum EjectionReason: Hashable, Sendable {
    case failuresInARow(Int)
    /// The first call after an ejection failed.
    case probe
    /// The share of its calls that succeeded, and under which it had to be.
    case successRate(Double, limit: Double)
}

/// Finds the hosts among several that do worse than the others, and leaves them out for a while.
///
/// Envoy's outlier detection and slow start: a host is ejected after failures in a row, or when its success rate lies some
/// standard deviations under the mean; each ejection is longer than the one before; at most a share of the hosts is out;
/// and who comes back gets a growing weight. Before that, a host that returns must answer one probe. A pure value, not
/// larger than the list of hosts that it is given; one call of `record` an interval looks at all of them.
public struct OutlierDetector<Host: Hashable & Sendable>: Sendable {
    public typealias Configuration = OutlierConfiguration
    public typealias Permit = OutlierPermit

    /// How a call ended.
    public enum Outcome: Hashable, Sendable {
        case success
        /// The host answered with an error. Such outcomes eject no more than `maxEjectedShare`, since one bad request that
        /// is sent often enough could otherwise eject all hosts.
        case failure
        /// Nothing answers there. Such outcomes eject all hosts but the last.
        case unreachable
        /// Says nothing about the host.
        case ignored
    }

    public struct Ejection: Sendable {
        public let host: Host
        public let until: MonotonicTime
        public let reason: EjectionReason
    }

    public private(set) var configuration: Configuration
    /// In the order in which they were given.
    public private(set) var hosts: [Host] = []
    private var health: [HostHealth] = []
    private var index: [Host: Int] = [:]
    private var intervalStart: MonotonicTime?
    /// Hosts that are ejected or come back.
    private var unsettled = 0

    public init(configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    /// True when every host has its whole weight, so that nobody needs to ask for each.
    public var isQuiet: Bool { unsettled == 0 }

    /// Says which hosts there are. Those that stay keep their state, others are forgotten; who is listed twice counts once.
    public mutating func update(_ list: some Sequence<Host>) {
        var newHosts: [Host] = []
        var newHealth: [HostHealth] = []
        var newIndex: [Host: Int] = [:]
        for host in list where newIndex[host] == nil {
            newIndex[host] = newHosts.count
            newHosts.append(host)
            newHealth.append(index[host].map { health[$0] } ?? HostHealth())
        }
        (hosts, health, index) = (newHosts, newHealth, newIndex)
        unsettled = health.count { !$0.isSettled }
    }

    /// The share of its usual traffic that the host should get, 0 to 1. Of what is unknown nothing bad is known: 1.
    ///
    /// 0 while it is ejected or its probe is out, 1 when it waits for its probe, from 0.1 to 1 during its slow start. A
    /// balancer takes a host into the choice with this probability; when none is left, those over 0, and then any.
    public func weight(of host: Host, at now: MonotonicTime) -> Double {
        guard unsettled > 0, let position = index[host] else { return 1 }
        return health[position].weight(at: now, configuration)
    }

    public func isEjected(_ host: Host, at now: MonotonicTime) -> Bool {
        guard unsettled > 0, let position = index[host] else { return false }
        return health[position].isEjected(at: now)
    }

    public func ejectedCount(at now: MonotonicTime) -> Int {
        unsettled == 0 ? 0 : health.count { $0.isEjected(at: now) }
    }

    /// A call to the host begins. Its permit goes back with `record`.
    public mutating func began(_ host: Host, at now: MonotonicTime) -> Permit {
        guard let position = index[host] else { return Permit(period: 0, probe: nil) }
        return health[position].began(at: now, configuration)
    }

    /// Takes in how the call ended that `permit` was given for.
    ///
    /// - Returns: the hosts that are out now, because of this or of what the interval that is over has shown.
    public mutating func record(_ host: Host, _ permit: Permit, _ outcome: Outcome, at now: MonotonicTime) -> [Ejection]
    {
        let found = endInterval(at: now)
        guard let position = index[host] else { return found }
        let wasSettled = health[position].isSettled
        defer { unsettled += (wasSettled ? 1 : 0) - (health[position].isSettled ? 1 : 0) }
        switch outcome {
        case .ignored: health[position].ended(permit)
        case .success: health[position].succeeded(permit, at: now, configuration)
        case .failure, .unreachable:
            guard let reason = health[position].failed(permit, configuration) else { break }
            guard mayEject(position, isUnreachable: outcome == .unreachable, at: now) else {
                health[position].spared(at: now, configuration)
                break
            }
            let until = health[position].eject(at: now, configuration)
            return found + [Ejection(host: host, until: until, reason: reason)]
        }
        return found
    }

    /// Changes the settings in use; who is out stays out, for no longer than the new ones allow.
    public mutating func reconfigure(_ configuration: Configuration, at now: MonotonicTime) {
        self.configuration = configuration
        for position in health.indices { health[position].limit(at: now, configuration) }
    }

    private func mayEject(_ position: Int, isUnreachable: Bool, at now: MonotonicTime) -> Bool {
        let out = ejectedCount(at: now)
        guard hosts.count - out > 1 else { return false }
        return isUnreachable || out < max(Int(configuration.maxEjectedShare * Double(hosts.count) + 1e-9), 1)
    }

    /// Compares the hosts when an interval is over, and begins the next.
    private mutating func endInterval(at now: MonotonicTime) -> [Ejection] {
        guard let start = intervalStart else {
            intervalStart = now
            return []
        }
        let elapsed = (now - start).nanoseconds
        guard elapsed >= configuration.interval.nanoseconds else { return [] }
        intervalStart = now
        let count = elapsed / configuration.interval.nanoseconds
        var ejections: [Ejection] = []
        for (position, reason) in outliers() where mayEject(position, isUnreachable: false, at: now) {
            let until = health[position].eject(at: now, configuration)
            ejections.append(Ejection(host: hosts[position], until: until, reason: reason))
            unsettled += 1
        }
        for position in health.indices { health[position].intervalsEnded(count, at: now, configuration) }
        unsettled = health.count { !$0.isSettled }
        return ejections
    }

    /// The hosts with a bad success rate, the worst first.
    private func outliers() -> [(position: Int, reason: EjectionReason)] {
        let compared = health.indices.filter {
            guard case .healthy = health[$0].phase else { return false }
            return health[$0].calls >= configuration.successRateMinimumCalls
        }
        guard compared.count >= configuration.successRateMinimumHosts else { return [] }
        let rates = compared.map { Double(health[$0].successes) / Double(health[$0].calls) }
        let mean = rates.reduce(0, +) / Double(rates.count)
        let variance = rates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rates.count)
        let limit =
            mean - max(configuration.successRateFactor * variance.squareRoot(), configuration.successRateMargin)
        return zip(compared, rates).filter { $0.1 < limit }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }
            .map { ($0.0, .successRate($0.1, limit: limit)) }
    }
}
