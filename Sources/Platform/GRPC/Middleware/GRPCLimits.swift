import ApusPrimitives
import ApusResilience

/// At most so many calls at once over all connections of a server; one more is refused with RESOURCE_EXHAUSTED.
public final class GRPCConcurrencyLimit: GRPCServerMiddleware {
    private let maximum: Int
    private let current = Locked(0)

    /// - Parameter maximum: at least 1.
    public init(_ maximum: Int) {
        self.maximum = max(maximum, 1)
    }

    /// Calls that run now.
    public var running: Int { current.withLock { $0 } }

    public func began(_ head: inout GRPCRequestHead) throws {
        let isAdmitted = current.withLock { current in
            guard current < maximum else { return false }
            current += 1
            return true
        }
        guard isAdmitted else {
            throw GRPCError(.resourceExhausted, "\(maximum) calls run already; try again later")
        }
    }

    public func ended(_ head: GRPCRequestHead, _ outcome: GRPCOutcome) {
        current.withLock { $0 -= 1 }
    }
}

/// Bounds on deadlines: a call without one gets `standard`, and none has more than `maximum`.
public struct GRPCDeadlines: GRPCServerMiddleware, GRPCClientInterceptor {
    private let standard: Duration?
    private let maximum: Duration?

    public init(standard: Duration? = nil, maximum: Duration? = nil) {
        self.standard = standard
        self.maximum = maximum
    }

    public func began(_ head: inout GRPCRequestHead) throws {
        head.deadline = bounded(head.deadline)
    }

    public func began(_ head: inout GRPCCallHead) throws {
        head.deadline = bounded(head.deadline)
    }

    public func ended(_ head: GRPCRequestHead, _ outcome: GRPCOutcome) {}
    public func ended(_ head: GRPCCallHead, _ outcome: GRPCOutcome) {}

    private func bounded(_ deadline: Deadline?) -> Deadline? {
        let now = TimeSource.continuous.now()
        let wanted = deadline ?? standard.map { Deadline(after: $0, from: now) }
        guard let maximum else { return wanted }
        let latest = Deadline(after: maximum, from: now)
        return wanted.map { min($0, latest) } ?? latest
    }
}
