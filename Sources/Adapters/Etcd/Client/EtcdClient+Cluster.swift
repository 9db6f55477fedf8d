public import ApusEtcdAPI
import SwiftProtobuf

/// The cluster service.
extension EtcdClient {
    public func memberAdd(_ request: EtcdMemberAddRequest) async throws -> EtcdMemberAddResponse {
        try await unary(.memberAdd, request)
    }

    public func memberRemove(_ request: EtcdMemberRemoveRequest) async throws -> EtcdMemberRemoveResponse {
        try await unary(.memberRemove, request)
    }

    public func memberUpdate(_ request: EtcdMemberUpdateRequest) async throws -> EtcdMemberUpdateResponse {
        try await unary(.memberUpdate, request)
    }

    /// - Parameter linearizable: as the leader knows the members, and not as some member does.
    public func memberList(linearizable: Bool = true) async throws -> EtcdMemberListResponse {
        try await unary(.memberList, EtcdMemberListRequest.with { $0.linearizable = linearizable })
    }

    public func memberPromote(_ request: EtcdMemberPromoteRequest) async throws -> EtcdMemberPromoteResponse {
        try await unary(.memberPromote, request)
    }
}
