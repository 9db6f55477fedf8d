public import ApusEtcdAPI
public import ApusGRPC
import SwiftProtobuf

/// The maintenance service. All but `alarm` and `downgrade` are about one member: ask `at(_:)` it.
extension EtcdClient {
    public func alarm(_ request: EtcdAlarmRequest) async throws -> EtcdAlarmResponse {
        try await unary(.alarm, request)
    }

    public func status() async throws -> EtcdStatusResponse {
        try await unary(.status, EtcdStatusRequest())
    }

    /// May take long, and the member serves nobody meanwhile if it is etcd.
    public func defragment() async throws -> EtcdDefragmentResponse {
        try await unary(.defragment, EtcdDefragmentRequest(), limit: .none)
    }

    /// Of all that is stored, the bookkeeping included; for tests.
    public func hash() async throws -> EtcdHashResponse {
        try await unary(.hash, EtcdHashRequest(), limit: .none)
    }

    /// Of all key-values up to a revision; 0 for the latest.
    public func hashKV(revision: Int64 = 0) async throws -> EtcdHashKVResponse {
        try await unary(.hashKV, EtcdHashKVRequest.with { $0.revision = revision }, limit: .none)
    }

    /// All of the member's data, in pieces, the last 32 bytes of which are the SHA-256 of those before.
    public func snapshot<Value: Sendable>(
        _ body: (GRPCMessages<EtcdSnapshotResponse>) async throws -> Value
    ) async throws -> Value {
        try await serverStream(.snapshot, EtcdSnapshotRequest(), body)
    }

    public func moveLeader(to member: UInt64) async throws -> EtcdMoveLeaderResponse {
        try await unary(.moveLeader, EtcdMoveLeaderRequest.with { $0.targetID = member }, limit: .after(.seconds(30)))
    }

    public func downgrade(_ request: EtcdDowngradeRequest) async throws -> EtcdDowngradeResponse {
        try await unary(.downgrade, request)
    }
}
