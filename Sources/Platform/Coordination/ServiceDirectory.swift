import ApusChannels
import ApusKV
import ApusPrimitives
public import ApusResilience
public import Logging
public import ServiceLifecycle

/// Which instances of which services there are: a copy of the registry, kept up to date by one watch.
///
/// Reading is synchronous and never waits for the store. While the store is away the last list stays. An instance goes
/// when its deletion is seen (it deregistered, or its lease ran out). When a list that is read again after an outage
/// lacks an instance without such an event, the store may have lost it in a restart: the instance is kept for
/// `graceSeconds`, in which a living one registers again. What is under the prefix but is not an instance is skipped and
/// logged.
public final class ServiceDirectory: Sendable, Service {
    private struct State {
        var instances: [String: [ServiceInstance]] = [:]
        var version: UInt64 = 0
        var freshness = StoreFreshness.neverSynced
        var isAway = false
    }

    private let follower: PrefixFollower
    private let grace: Duration
    private let time: TimeSource
    private let logger: Logger
    private let broadcast = Broadcast<Void>()
    private let ready = Signal<Void>()
    private let table = Locked(InstanceTable())
    private let state = Locked(State())

    /// - Parameter graceSeconds: how long an instance is kept that a list read after an outage lacks; the time to live
    ///   of the registrations.
    public init(
        store: any CoordinationStore, graceSeconds: Int64 = ServiceRegistry.defaultLeaseTTLSeconds,
        time: TimeSource = .continuous, logger: Logger
    ) {
        follower = PrefixFollower(store: store, prefix: ServiceInstance.keyPrefix, time: time)
        grace = .seconds(graceSeconds)
        self.time = time
        self.logger = logger
    }

    /// The instances of a service as last known, in the order of their identifiers.
    public func instances(of service: String) -> [ServiceInstance] {
        state.withLock { $0.instances[service] ?? [] }
    }

    /// The names of the services that have an instance, in their order.
    public var services: [String] {
        state.withLock { $0.instances.keys.sorted() }
    }

    /// Whether the instances are current.
    public var freshness: StoreFreshness {
        state.withLock { $0.freshness }
    }

    /// A notice for each change of any instance, and one at the start. Notices that were not taken become one, so that a
    /// slow consumer costs no memory: read `instances(of:)` after each.
    public func changes() -> ChangeNotices {
        ChangeNotices(of: broadcast)
    }

    /// Returns when the list of instances has been read once.
    ///
    /// - Throws: `CancellationError`.
    public func waitUntilReady() async throws {
        try await ready.value
    }

    /// Follows the registry until graceful shutdown or cancellation.
    public func run() async throws {
        try await ending {
            try await withThrowingTaskGroup { group in
                group.addTask { try await self.follower.run { self.receive($0) } }
                group.addTask { try await self.dropMissing() }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    private func receive(_ update: PrefixFollower.Update) {
        switch update {
        case .away(let error):
            let isNews = state.withLock { state in
                if state.freshness == .live { state.freshness = .lastKnown }
                defer { state.isAway = true }
                return !state.isAway
            }
            if isNews {
                logger.warning("the registry is away: going on with the last list", metadata: ["error": "\(error)"])
            }
        case .listed(let kvs, let revision, let lostHistory):
            if lostHistory {
                logger.warning(
                    "the registry lost data: it is back at an earlier revision", metadata: ["revision": "\(revision)"])
            }
            let gone = time.now() + grace
            change { $0.list(kvs, at: revision, missingUntil: gone) }
            state.withLock { state in
                state.freshness = .live
                state.isAway = false
            }
            ready.send()
        case .changed(let events, _):
            change { $0.apply(events) }
        }
    }

    /// Removes what a list lacked and nobody registered again in time.
    private func dropMissing() async throws {
        while true {
            try await time.sleep(for: max(grace / 10, .milliseconds(100)))
            let now = time.now()
            // While the store is away nobody can register again: the grace begins when it is back.
            guard freshness == .live else { continue }
            change { $0.dropMissing(at: now) }
        }
    }

    private func change(_ body: (inout InstanceTable) -> InstanceTable.Outcome) {
        // Decoding happens under a lock of its own: whoever reads instances never waits for it.
        let (outcome, instances, version) = table.withLock { table in
            (body(&table), table.instances, table.version)
        }
        state.withLock { state in
            if version > state.version {
                state.instances = instances
                state.version = version
            }
        }
        for problem in outcome.problems {
            logger.warning(
                "skipped what is not an instance",
                metadata: ["key": "\(problem.key)", "error": "\(problem.reason)"])
        }
        if !outcome.changed.isEmpty { broadcast.notify() }
    }
}
