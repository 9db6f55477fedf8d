import ApusChannels
import ApusKV
import ApusPrimitives
public import ApusResilience
public import Logging
public import ServiceLifecycle

/// Keeps the instances of this process registered, under one lease that `run` keeps alive.
///
/// What is registered stays wanted until it is deregistered: when the lease was lost or the store was away, everything
/// is registered again as soon as the store answers. An entry that somebody removed by hand comes back within a third of
/// the time to live. An instance that started again elsewhere under the same identifier is not overwritten: an explicit
/// `register` takes an identifier over, a repetition after a lost lease does not.
public final class ServiceRegistry: Sendable, Service {
    public static let defaultLeaseTTLSeconds: Int64 = 10

    private let store: any CoordinationStore
    private let ttlSeconds: Int64
    private let time: TimeSource
    private let logger: Logger
    private let retry: RetryPolicy
    /// One conversation with the store at a time: a deletion never overtakes the registration before it.
    private let conversation = Semaphore(permits: 1)
    private let book = Locked(RegistrationBook())

    /// - Parameter leaseTTLSeconds: how long an instance is listed after its process died; at least 1. It is kept alive
    ///   every third of it.
    public init(
        store: any CoordinationStore, leaseTTLSeconds: Int64 = defaultLeaseTTLSeconds, time: TimeSource = .continuous,
        logger: Logger
    ) {
        self.store = store
        ttlSeconds = max(leaseTTLSeconds, 1)
        self.time = time
        self.logger = logger
        retry = RetryPolicy(
            maxAttempts: .max, baseDelay: .milliseconds(100), maxDelay: .seconds(ttlSeconds) / 3, jitter: .full)
    }

    /// Registers an instance, or changes its registration; one of the same identifier is replaced.
    ///
    /// When it returns, the store has the instance, unless the store could not be reached: then it is wanted, a warning
    /// is logged, and `run` registers it later. `isRegistered` tells. It expires when `run` is not running.
    ///
    /// - Throws: `CoordinationError` `.invalidRequest` when the instance is not allowed or the store refuses it for good.
    public func register(_ instance: ServiceInstance) async throws {
        if let problem = instance.problem {
            throw CoordinationError(.invalidRequest, "\(problem) is not allowed for an instance")
        }
        let key = instance.key
        let value = try instance.encoded()
        book.withLock { $0.want(key, value) }
        do {
            try await conversation.withPermit { try await self.settle() }
        } catch {
            try Task.checkCancellation()
            logger.warning(
                "not registered yet: the store is away", metadata: ["instance": "\(key)", "error": "\(error)"])
        }
        if let refusal = book.withLock({ $0.takeRefusal(of: key) }) { throw refusal }
    }

    /// Removes the registration of an instance, unless another process has taken its identifier over.
    ///
    /// When the store cannot be reached, a warning is logged and `run` removes it later, or the lease ends with the
    /// process.
    public func deregister(_ instance: ServiceInstance) async throws {
        let key = instance.key
        guard book.withLock({ $0.withdraw(key) }) else { return }
        do {
            try await conversation.withPermit { try await self.settle() }
        } catch {
            try Task.checkCancellation()
            logger.warning(
                "not deregistered yet: the store is away", metadata: ["instance": "\(key)", "error": "\(error)"])
        }
    }

    /// Whether the store confirmed this registration, under the lease that is kept alive now.
    public func isRegistered(_ instance: ServiceInstance) -> Bool {
        book.withLock { $0.isConfirmed(instance.key) }
    }

    /// Keeps everything registered until graceful shutdown, which removes it all, or cancellation, after which it
    /// expires.
    public func run() async throws {
        try await ending { try await self.keepRegistered() }
        try await conversation.withPermit { await self.withdrawAll() }
    }

    private func keepRegistered() async throws {
        var failures = 0
        var random = SystemRandomNumberGenerator()
        while true {
            do {
                try await conversation.withPermit {
                    try await self.renew()
                    try await self.settle()
                }
                if failures > 0 { logger.info("the store is back: everything is registered") }
                failures = 0
                try await time.sleep(for: interval)
            } catch {
                try Task.checkCancellation()
                failures += 1
                if failures == 1 {
                    logger.warning("registrations are not kept alive now", metadata: ["error": "\(error)"])
                }
                try await time.sleep(for: retry.delay(afterAttempt: failures, using: &random))
            }
        }
    }

    private var interval: Duration { .seconds(ttlSeconds) / 3 }

    /// Keeps the lease alive and checks that its keys are still there.
    private func renew() async throws {
        guard let lease = book.withLock({ $0.lease }) else { return }
        do {
            _ = try await limited { try await self.store.keepAlive(lease) }
        } catch let error as CoordinationError where error.code == .leaseNotFound {
            logger.warning("the lease is lost: registering again", metadata: ["lease": "\(lease)"])
            book.withLock { $0.loseLease(lease) }
            return
        }
        let confirmed = book.withLock { $0.confirmedKeys }
        for start in stride(from: 0, to: confirmed.count, by: Self.keysPerCheck) {
            let keys = confirmed[start..<min(start + Self.keysPerCheck, confirmed.count)]
            let check = TxnRequest(compares: keys.map { Compare(key: $0, .lease(lease)) })
            if try await !limited({ try await self.store.txn(check) }).succeeded {
                book.withLock { $0.doubt(Array(keys)) }
            }
        }
    }

    /// Comparisons in one transaction; etcd allows 128.
    private static let keysPerCheck = 100

    /// Brings the store to what the book wants. What the store refuses for good stands in nobody else's way.
    private func settle() async throws {
        for task in book.withLock({ $0.tasks }) {
            do {
                switch task {
                case .put(let key, let value, let overwrites):
                    do {
                        try await put(key, value, overwrites: overwrites)
                    } catch let error as CoordinationError where error.code == .invalidRequest {
                        book.withLock { $0.refuse(key, value, because: error) }
                        logger.error(
                            "the store refuses a registration",
                            metadata: ["instance": "\(key)", "error": "\(error)"])
                    }
                case .delete(let key, let lease):
                    if let lease { try await delete(key, under: lease) }
                    book.withLock { $0.confirmDeleted(key) }
                }
            } catch let error as CoordinationError where error.code == .leaseNotFound {
                book.withLock { if let lease = $0.lease { $0.loseLease(lease) } }
                throw error
            }
        }
    }

    private func delete(_ key: Bytes, under lease: LeaseID) async throws {
        let delete = TxnRequest(
            compares: [Compare(key: key, .lease(lease))], success: [.delete(DeleteRangeRequest(.key(key)))])
        _ = try await limited { try await self.store.txn(delete) }
    }

    private func put(_ key: Bytes, _ value: Bytes, overwrites: Bool) async throws {
        let lease = try await currentLease()
        let write = PutRequest(key: key, value: value, lease: lease)
        let request = TxnRequest(
            compares: overwrites ? [] : [.absent(key)], success: [.put(write)],
            failure: [.range(RangeRequest(.key(key)))])
        let response = try await limited { try await self.store.txn(request) }
        if !response.succeeded, case .range(let range)? = response.responses.first, let found = range.kvs.first,
            found.lease != lease
        {
            guard found.value == value else {
                if book.withLock({ $0.noteTaken(key) }) {
                    logger.error(
                        "the identifier is taken by another process: not registered",
                        metadata: ["instance": "\(key)", "by": "\(found.value)"])
                }
                return
            }
            // Our own entry under a lease that is no longer ours.
            let renewed = TxnRequest(
                compares: [.unchanged(key, since: found.modRevision)], success: [.put(write)])
            guard try await limited({ try await self.store.txn(renewed) }).succeeded else { return }
        }
        book.withLock { $0.confirm(key, value: value, lease: lease) }
    }

    private func currentLease() async throws -> LeaseID {
        if let lease = book.withLock({ $0.lease }) { return lease }
        let grant = try await limited { try await self.store.grantLease(ttlSeconds: self.ttlSeconds) }
        book.withLock { $0.lease = grant.id }
        return grant.id
    }

    private func withdrawAll() async {
        guard let lease = book.withLock({ $0.withdrawAll() }) else { return }
        do {
            try await limited { try await self.store.revokeLease(lease) }
        } catch {
            logger.warning(
                "not deregistered: the registrations end with their lease",
                metadata: ["seconds": "\(ttlSeconds)", "error": "\(error)"])
        }
    }

    private func limited<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await Deadline(after: interval, from: time.now()).run(on: time, body)
    }
}
