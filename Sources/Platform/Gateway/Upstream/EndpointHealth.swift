import NIOCore

/// When an instance that keeps failing is left out, and for how long.
public struct EjectionPolicy: Sendable, Hashable {
    /// Failures in a row that eject an instance: connections that fail, and responses with a 5xx status.
    public var consecutiveFailures: Int = 5
    /// How long the first ejection lasts; each following one lasts twice as long as the one before.
    public var baseTime: Duration = .seconds(1)
    public var maxTime: Duration = .seconds(30)

    public init() {}
}

/// What one event loop thinks of one instance: a value that is told what happened and when.
struct EndpointHealth: Sendable, Hashable {
    enum Phase: Sendable, Hashable {
        /// Takes requests. Enough failures in a row lead to `ejected`.
        case healthy(failures: Int)
        /// Takes none. Becomes `probation` by itself at `until`.
        case ejected(until: NIODeadline)
        /// Takes one request at a time. Its success leads to `healthy`, its failure to `ejected` for longer.
        case probation(probing: Bool)
    }

    private(set) var phase = Phase.healthy(failures: 0)
    /// Ejections since the instance last earned its trust back.
    private(set) var ejections = 0

    /// Whether a request may be sent now.
    mutating func isAvailable(at now: NIODeadline) -> Bool {
        switch phase {
        case .healthy:
            return true
        case .ejected(let until):
            guard now >= until else { return false }
            phase = .probation(probing: false)
            return true
        case .probation(let probing):
            return !probing
        }
    }

    /// A request is on its way to the instance.
    mutating func began() {
        if case .probation = phase { phase = .probation(probing: true) }
    }

    mutating func succeeded() {
        switch phase {
        case .healthy:
            phase = .healthy(failures: 0)
            ejections = max(0, ejections - 1)
        case .probation:
            phase = .healthy(failures: 0)
        case .ejected:
            break  // it was sent before the ejection; one answer proves nothing
        }
    }

    /// - Parameter mayEject: false when no other instance would be left.
    /// - Returns: whether this failure ejected the instance.
    mutating func failed(at now: NIODeadline, policy: EjectionPolicy, mayEject: Bool) -> Bool {
        switch phase {
        case .healthy(let failures):
            guard failures + 1 >= policy.consecutiveFailures, mayEject else {
                phase = .healthy(failures: min(failures + 1, policy.consecutiveFailures))
                return false
            }
        case .probation:
            guard mayEject else {
                phase = .healthy(failures: policy.consecutiveFailures)
                return false
            }
        case .ejected:
            return false
        }
        let doublings = min(ejections, 16)
        let time = min(policy.baseTime * (1 << doublings), policy.maxTime)
        ejections += 1
        phase = .ejected(until: now + TimeAmount(time))
        return true
    }

    /// A request ended without saying anything about the instance: the client went away, say.
    mutating func ended() {
        if case .probation = phase { phase = .probation(probing: false) }
    }

    /// Whether requests are held back from the instance at `now`.
    func isEjected(at now: NIODeadline) -> Bool {
        if case .ejected(let until) = phase { return now < until }
        return false
    }
}
