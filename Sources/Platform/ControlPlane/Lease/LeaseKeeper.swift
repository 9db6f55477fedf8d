import ApusEtcdAPI
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
import Logging
import NIOCore

/// Keeps time for the leases while this member leads, and ends those whose time is over by commands.
///
/// Every member has the table of leases; only the leader's times count. A new leader begins every lease anew: nobody knows how
/// much of it had passed, and a lease must never end early. It does so when everything from before its term is applied; what a
/// leader before it decided to end, and proposes late, counts no more. Keep-alives touch nothing but memory.
// Safe: everything happens on the node's event loop.
final class LeaseKeeper: @unchecked Sendable {
    /// Leases that are ended in a second, at most.
    static let revokesPerSecond = 1_000
    static let tick = Duration.milliseconds(250)
    private static let retryAfter = Duration.seconds(1)

    private let notices: LeaseNotices
    private let logger: Logger
    private let now: @Sendable () -> MonotonicTime
    /// Set once, before the node runs.
    weak var node: ReplicatedNode<ControlMachine>?

    private var clock = LeaseClock()
    private var leads = false
    private var term = Term.zero
    /// It leads, and has not yet begun the leases anew.
    private var isNew = false
    /// Proposed to be ended.
    private var ending: Set<LeaseID> = []

    init(
        notices: LeaseNotices, logger: Logger,
        now: @escaping @Sendable () -> MonotonicTime = {
            MonotonicTime(nanoseconds: Int64(NIODeadline.now().uptimeNanoseconds))
        }
    ) {
        self.notices = notices
        self.logger = logger
        self.now = now
    }

    func standingChanged(_ standing: Standing) {
        let leads = standing.role == .leader
        guard leads != self.leads || leads && standing.term != term else { return }
        self.leads = leads
        term = standing.term
        isNew = leads
        clock.removeAll()
        ending = []
    }

    /// - Parameter term: in which the last of what was applied was put into the log.
    func applied(_ store: KVStore, _ term: Term) {
        let news = notices.take()
        guard leads else { return }
        if isNew {
            if term == self.term { promote(store) }
            return
        }
        for notice in news {
            switch notice {
            case .granted(let id, let ttlSeconds): clock.start(id, ttlSeconds: ttlSeconds, at: now())
            case .ended(let id):
                clock.end(id)
                ending.remove(id)
            }
        }
    }

    /// The leases are others than before: a snapshot was restored.
    func restored(_ store: KVStore) {
        _ = notices.take()
        if leads, !isNew { promote(store) }
    }

    /// It leads, and all leases have begun.
    var isCounting: Bool { leads && !isNew }

    private func promote(_ store: KVStore) {
        isNew = false
        clock.removeAll()
        let now = now()
        for lease in store.leases { clock.start(lease.id, ttlSeconds: lease.grantedTTLSeconds, at: now) }
    }

    // MARK: What clients ask of the leader

    /// Begins a lease anew and answers with its seconds; 0 when there is none, or its time is over.
    ///
    /// - Throws: `.notLeader`.
    func keepAlive(_ id: LeaseID, _ store: KVStore) throws(EtcdError) -> Int64 {
        guard isCounting else { throw .notLeader }
        let now = now()
        guard let lease = store.lease(id), !ending.contains(id) else { return 0 }
        // Granted by a command of this very batch: its notice comes after.
        if let ends = clock.ends(id), ends <= now { return 0 }
        clock.start(id, ttlSeconds: lease.grantedTTLSeconds, at: now)
        return lease.grantedTTLSeconds
    }

    /// Whole seconds that are left; nil when there is no such lease.
    ///
    /// - Throws: `.notLeader`.
    func remainingSeconds(_ id: LeaseID, _ store: KVStore) throws(EtcdError) -> Int64? {
        guard isCounting else { throw .notLeader }
        guard let lease = store.lease(id) else { return nil }
        guard let ends = clock.ends(id) else { return lease.grantedTTLSeconds }
        // Etcd counts on below zero, in whole seconds towards zero, until the lease is gone.
        return (ends - now()).nanoseconds / 1_000_000_000
    }

    /// The leases by the time that they have left, at the leader; elsewhere by their IDs.
    func sorted(_ leases: [Lease]) -> [Lease] {
        guard isCounting else { return leases }
        return leases.sorted { left, right in
            let (first, second) = (clock.ends(left.id) ?? .distantFuture, clock.ends(right.id) ?? .distantFuture)
            return first != second ? first < second : left.id < right.id
        }
    }

    // MARK: Time

    /// Proposes the end of leases whose time is over. Called every `tick`.
    func tellTime() {
        guard isCounting, let node else { return }
        let now = now()
        let room = Self.revokesPerSecond - ending.count
        let perTick = Int(Double(Self.revokesPerSecond) * Self.tick.seconds)
        guard room > 0 else { return }
        for id in clock.expired(at: now, limit: min(room, perTick)) {
            ending.insert(id)
            node.propose(ControlCommand.expire(id, term).encoded()) { [weak self] result in
                // Success is noticed as any other end of a lease.
                if case .success(let answer) = result, case .success = answer.result { return }
                self?.notEnded(id, result)
            }
        }
    }

    private func notEnded(_ id: LeaseID, _ result: Result<ControlAnswer, NodeError>) {
        ending.remove(id)
        clock.retry(id, at: now() + Self.retryAfter)
        logger.debug("a lease could not be ended", metadata: ["lease": "\(id)", "result": "\(result)"])
    }
}
