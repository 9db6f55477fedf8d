public import ApusEtcdAPI
public import ApusGRPC

/// The services of locks and elections. What waits for others waits as long as it takes, or until `Deadline.current`.
extension EtcdClient {
    /// Waits for the lock; the answer has the key that holds it, which goes with the lease.
    public func lock(_ request: EtcdLockRequest) async throws -> EtcdLockResponse {
        try await unary(.lock, request, limit: .none)
    }

    public func unlock(_ request: EtcdUnlockRequest) async throws -> EtcdUnlockResponse {
        try await unary(.unlock, request)
    }

    /// Waits to be the leader.
    public func campaign(_ request: EtcdCampaignRequest) async throws -> EtcdCampaignResponse {
        try await unary(.campaign, request, limit: .none)
    }

    public func proclaim(_ request: EtcdProclaimRequest) async throws -> EtcdProclaimResponse {
        try await unary(.proclaim, request)
    }

    /// Who leads now.
    public func leader(_ request: EtcdLeaderRequest) async throws -> EtcdLeaderResponse {
        try await unary(.leader, request)
    }

    /// The leaders, one after the other.
    public func observe<Value: Sendable>(
        _ request: EtcdLeaderRequest, _ body: (GRPCMessages<EtcdLeaderResponse>) async throws -> Value
    ) async throws -> Value {
        try await serverStream(.observe, request, body)
    }

    public func resign(_ request: EtcdResignRequest) async throws -> EtcdResignResponse {
        try await unary(.resign, request)
    }
}
