import ApusCoordination
import ApusKV

/// A store whose deletions wait for a latch, so that a test can look at what happens meanwhile.
struct GatedStore: CoordinationStore {
    let base: EmbeddedStore
    let deletions: Latch

    func txn(_ request: TxnRequest) async throws -> TxnResponse {
        for case .delete in request.success { try await deletions.wait() }
        return try await base.txn(request)
    }

    func range(_ request: RangeRequest) async throws -> RangeResponse { try await base.range(request) }
    func put(_ request: PutRequest) async throws -> PutResponse { try await base.put(request) }
    func delete(_ request: DeleteRangeRequest) async throws -> DeleteRangeResponse { try await base.delete(request) }
    func grantLease(ttlSeconds: Int64) async throws -> LeaseGrant { try await base.grantLease(ttlSeconds: ttlSeconds) }
    func keepAlive(_ lease: LeaseID) async throws -> Int64 { try await base.keepAlive(lease) }
    func revokeLease(_ lease: LeaseID) async throws { try await base.revokeLease(lease) }
    func compact(at revision: Revision) async throws { try await base.compact(at: revision) }
    func watch(_ request: WatchRequest) async throws -> CoordinationWatch { try await base.watch(request) }
}
