public import ApusKV

/// The one place where facts about a system are kept: who serves what, which settings hold, who owns a lock.
///
/// A strictly serializable key-value store with etcd's semantics: revisions, transactions, leases and watches.
/// `EmbeddedStore` is it in the process; a client of `apus server` or of etcd is it over the network.
///
/// Every function throws `CoordinationError`, or `CancellationError` when the calling task is cancelled. A write that
/// ends with `CoordinationError.mayHaveHappened` or with a cancellation may have taken effect, or may yet.
public protocol CoordinationStore: Sendable {
    /// Reads a range; sees every write that was acknowledged before the call.
    func range(_ request: RangeRequest) async throws -> RangeResponse

    func put(_ request: PutRequest) async throws -> PutResponse

    func delete(_ request: DeleteRangeRequest) async throws -> DeleteRangeResponse

    /// Runs the operations of one branch at one revision, chosen by the comparisons.
    func txn(_ request: TxnRequest) async throws -> TxnResponse

    /// A lease with an identifier that the store chooses. Its keys are deleted when it has not been kept alive for its
    /// time to live.
    ///
    /// - Parameter ttlSeconds: 1...9,000,000,000; a store may grant more than was asked for, never less.
    func grantLease(ttlSeconds: Int64) async throws -> LeaseGrant

    /// Starts the time to live again.
    ///
    /// - Returns: the time to live in seconds.
    /// - Throws: `CoordinationError` with `.leaseNotFound` when the lease has expired or was revoked: its keys are gone.
    func keepAlive(_ lease: LeaseID) async throws -> Int64

    /// Ends the lease and deletes its keys, all at one revision.
    func revokeLease(_ lease: LeaseID) async throws

    /// The changes of a range, in order and without a gap, from `request.start` on. The watch is in place when the call
    /// returns.
    ///
    /// - Throws: `.compacted` here or from the sequence when the changes asked for are no longer kept. Read the range
    ///   again and watch from the revision after it.
    func watch(_ request: WatchRequest) async throws -> CoordinationWatch

    /// Forgets the history before `revision`; reads at `revision` and later still work.
    func compact(at revision: Revision) async throws
}

/// A lease as its owner knows it.
public struct LeaseGrant: Hashable, Sendable {
    public var id: LeaseID
    /// How long the lease lives without a keep-alive, in seconds.
    public var ttlSeconds: Int64

    public init(id: LeaseID, ttlSeconds: Int64) {
        self.id = id
        self.ttlSeconds = ttlSeconds
    }
}
