public import ApusEtcdAPI
import ApusGRPC

/// The lease service.
extension EtcdClient {
    /// A request without an identifier may be made twice, when the answer was lost: the lease that nobody knows expires.
    public func leaseGrant(_ request: EtcdLeaseGrantRequest) async throws -> EtcdLeaseGrantResponse {
        try await unary(request.id == 0 ? .anyLeaseGrant : .leaseGrant, request)
    }

    public func leaseRevoke(_ request: EtcdLeaseRevokeRequest) async throws -> EtcdLeaseRevokeResponse {
        try await unary(.leaseRevoke, request)
    }

    /// Starts the lease's time to live again, once; its answer has a time to live of 0 when there is no such lease.
    public func leaseKeepAlive(_ request: EtcdLeaseKeepAliveRequest) async throws -> EtcdLeaseKeepAliveResponse {
        try await attempts(.leaseKeepAlive, .standard) { connection, options in
            try await connection.bidirectional(
                EtcdMethod.leaseKeepAlive.path, reply: EtcdLeaseKeepAliveResponse.self, options: options
            ) { call in
                try await call.requests.send(request)
                guard let response = try await call.replies.next() else {
                    throw GRPCError(.unavailable, "the stream of keep-alives ended")
                }
                return response
            }
        }
    }

    public func leaseTimeToLive(_ request: EtcdLeaseTimeToLiveRequest) async throws -> EtcdLeaseTimeToLiveResponse {
        try await unary(.leaseTimeToLive, request)
    }

    public func leaseLeases() async throws -> EtcdLeaseLeasesResponse {
        try await unary(.leaseLeases, EtcdLeaseLeasesRequest())
    }
}
