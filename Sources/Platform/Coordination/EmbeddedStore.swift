public import ApusKV
import ApusPrimitives
public import ApusResilience
import ApusStorage
public import Logging
public import ServiceLifecycle

/// A coordination store in the process: in memory, or durable in a folder.
///
/// Reads, writes and watches work from `init` on. `run` is what lets time act: it expires leases and gives up old
/// history; without it leases live for ever and history grows.
///
/// Durable: a write returns, and is seen by readers and watchers, when it is on disk; writes that wait at the same time
/// share one `fdatasync`. What was acknowledged survives the death of the process at any moment. A restart gives all
/// leases their full time to live again. When the disk is full, writes fail with `.noSpace` and work again when there is
/// space; when the disk fails, every later write fails with `.failed`, and `run` ends with that error, because only a new
/// start can know what reached the disk. Reads go on in both cases.
public final class EmbeddedStore: CoordinationStore, Service {
    let visible: VisibleState
    private let committer: any Committer
    private let limits: EmbeddedStoreLimits
    private let time: TimeSource
    private let logger: Logger

    /// A store in memory, which is gone with the process.
    public init(
        limits: EmbeddedStoreLimits = EmbeddedStoreLimits(), time: TimeSource = .continuous,
        logger: Logger = Logger(label: "apus.coordination")
    ) {
        visible = VisibleState(KVStore(minimumLeaseTTLSeconds: 1), watchBacklog: limits.watchBacklog)
        committer = MemoryCommitter(visible: visible, time: time)
        self.limits = limits
        self.time = time
        self.logger = logger
    }

    /// A store that is kept in a folder, which is made when it is not there. Reads back what is in it before it returns.
    ///
    /// - Throws: `CoordinationError` `.locked` when another store has the folder open; `.corrupt`, with the file and the
    ///   offset, when what is there is not what was written; `.failed` when the disk refuses.
    public convenience init(
        directory: String, limits: EmbeddedStoreLimits = EmbeddedStoreLimits(), time: TimeSource = .continuous,
        logger: Logger = Logger(label: "apus.coordination")
    ) throws {
        try self.init(directory: directory, limits: limits, time: time, logger: logger, disk: .posix)
    }

    init(
        directory: String, limits: EmbeddedStoreLimits, time: TimeSource, logger: Logger, disk: Disk
    ) throws {
        let committer: DurableCommitter
        do {
            committer = try DurableCommitter(
                folder: LogFolder(path: directory, disk: disk), limits: limits, time: time, logger: logger, disk: disk)
        } catch let error as DiskError {
            throw CoordinationError(.failed, "the folder \(directory) cannot be used", cause: error)
        }
        visible = committer.visible
        self.committer = committer
        self.limits = limits
        self.time = time
        self.logger = logger
    }

    /// The revision that reads see.
    public var revision: Revision { visible.snapshot.revision }

    /// The state as it is now, as a value.
    public var snapshot: KVStore { visible.snapshot }

    /// How many watches are open.
    public var watcherCount: Int { visible.watcherCount }

    public func range(_ request: RangeRequest) async throws -> RangeResponse {
        do {
            return try visible.readable().range(request)
        } catch let error as KVError {
            throw CoordinationError(error)
        }
    }

    public func put(_ request: PutRequest) async throws -> PutResponse {
        guard case .put(let response) = try await commit(.put(request)) else { preconditionFailure() }
        return response
    }

    public func delete(_ request: DeleteRangeRequest) async throws -> DeleteRangeResponse {
        guard case .delete(let response) = try await commit(.delete(request)) else { preconditionFailure() }
        return response
    }

    public func txn(_ request: TxnRequest) async throws -> TxnResponse {
        if request.isReadOnly {
            var copy = try visible.readable()
            do {
                return try copy.txn(request)
            } catch {
                throw CoordinationError(error)
            }
        }
        guard case .txn(let response) = try await commit(.txn(request)) else { preconditionFailure() }
        return response
    }

    public func grantLease(ttlSeconds: Int64) async throws -> LeaseGrant {
        guard ttlSeconds >= 1 else {
            throw CoordinationError(.invalidRequest, "a lease of \(ttlSeconds) seconds: it must be at least 1")
        }
        while true {
            let id = LeaseID(rawValue: Int64.random(in: 1...Int64.max))
            do {
                guard case .grant(let lease) = try await commit(.grant(id, ttlSeconds: ttlSeconds)) else {
                    preconditionFailure()
                }
                return LeaseGrant(id: lease.id, ttlSeconds: lease.grantedTTLSeconds)
            } catch let error as CoordinationError where error.code == .leaseExists {
                continue
            }
        }
    }

    public func keepAlive(_ lease: LeaseID) async throws -> Int64 {
        try await committer.keepAlive(lease)
    }

    public func revokeLease(_ lease: LeaseID) async throws {
        _ = try await commit(.revoke(lease))
    }

    public func watch(_ request: WatchRequest) async throws -> CoordinationWatch {
        let visible = visible
        let id = try visible.addWatcher(request)
        return CoordinationWatch(
            next: { try await visible.nextBatch(for: id) },
            cancel: { visible.removeWatcher(id) })
    }

    public func compact(at revision: Revision) async throws {
        _ = try await commit(.compact(revision))
    }

    /// Ends every watch, refuses further requests and lets go of the folder. Writes that wait are finished first.
    public func close() async {
        await committer.close()
    }

    /// Expires leases and gives up old history until graceful shutdown or cancellation. The store works on after it; end
    /// it after whoever uses it.
    ///
    /// - Throws: the `CoordinationError` `.failed` of a disk that failed.
    public func run() async throws {
        try await ending { try await self.letTimeAct() }
    }

    private func letTimeAct() async throws {
        var isHeldUp = false
        while true {
            if let failure = committer.failure { throw failure }
            do {
                try await expireLeases()
                try await compactHistory()
                isHeldUp = false
            } catch let error as CoordinationError where error.code != .failed && error.code != .closed {
                // A full disk: everything stays as it is until there is space.
                if !isHeldUp { logger.warning("leases are not expired now", metadata: ["error": "\(error)"]) }
                isHeldUp = true
            }
            try await time.sleep(for: limits.expiryInterval)
        }
    }

    private func expireLeases() async throws {
        while true {
            let expired = visible.snapshot.expiredLeases(at: time.now(), limit: limits.expiredLeasesPerRound)
            if expired.isEmpty { return }
            try await committer.expire(expired)
        }
    }

    private func compactHistory() async throws {
        let store = visible.snapshot
        let target = store.revision.rawValue - limits.historyRevisions
        var reached = store.compactedRevision.rawValue
        // A quarter more than is kept, so that compaction is rare; in steps, so that nobody waits long for one.
        guard target - reached > limits.historyRevisions / 4 else { return }
        while reached < target {
            reached = min(target, reached + limits.revisionsPerCompaction)
            do {
                try await compact(at: Revision(rawValue: reached))
            } catch let error as CoordinationError where error.code == .compacted {
                // Somebody compacted further by hand.
                return
            }
        }
    }

    private func commit(_ command: Command) async throws -> CommandResponse {
        let size = command.contentBytes
        guard size <= limits.maximumRequestBytes else {
            throw CoordinationError(
                .invalidRequest, "the request has \(size) bytes, more than \(limits.maximumRequestBytes)")
        }
        return try await committer.commit(command)
    }
}
