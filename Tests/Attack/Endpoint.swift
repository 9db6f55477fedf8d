import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import Foundation
import SwiftProtobuf

/// The etcd API of one member, as clients call it.
final class Endpoint: Sendable {
    let number: Int
    let client: GRPCClient

    init(_ number: Int) throws {
        self.number = number
        var settings = GRPCClientSettings()
        settings.backoff = ConnectionBackoff(
            initial: .milliseconds(50), maximum: .milliseconds(500), minimumConnectTimeout: .seconds(2))
        // A paused member's connections have to be noticed.
        settings.keepaliveInterval = .seconds(10)
        client = try GRPCClient([.host(Lab.address(number), port: 2379)], settings: settings)
    }

    private static let options = GRPCCallOptions(timeout: .seconds(3))

    func put(_ key: String, _ value: String) async throws -> EtcdPutResponse {
        let request = EtcdPutRequest(PutRequest(key: Bytes(key), value: Bytes(value)))
        return try await client.unary("\(EtcdService.kv)/Put", request, options: Self.options)
    }

    func delete(_ key: String) async throws -> EtcdDeleteRangeResponse {
        let request = EtcdDeleteRangeRequest(DeleteRangeRequest(.key(Bytes(key))))
        return try await client.unary("\(EtcdService.kv)/DeleteRange", request, options: Self.options)
    }

    func range(_ key: String, serializable: Bool) async throws -> EtcdRangeResponse {
        let request = EtcdRangeRequest(RangeRequest(.key(Bytes(key))), serializable: serializable)
        return try await client.unary("\(EtcdService.kv)/Range", request, options: Self.options)
    }

    /// Writes when the last change of the key was at `since`, and reads otherwise.
    func swap(_ key: String, _ value: String, since: Int64) async throws -> EtcdTxnResponse {
        let transaction = TxnRequest(
            compares: [.unchanged(Bytes(key), since: Revision(since))],
            success: [.put(PutRequest(key: Bytes(key), value: Bytes(value)))],
            failure: [.range(RangeRequest(.key(Bytes(key))))])
        return try await client.unary("\(EtcdService.kv)/Txn", EtcdTxnRequest(transaction), options: Self.options)
    }

    /// - Returns: the lease's ID.
    func grantLease(seconds: Int64) async throws -> Int64 {
        let response: EtcdLeaseGrantResponse = try await client.unary(
            "\(EtcdService.lease)/LeaseGrant", EtcdLeaseGrantRequest.with { $0.ttl = seconds }, options: Self.options)
        return response.id
    }

    /// - Returns: the seconds that the lease has now; 0 when there is no such lease.
    func keepAlive(_ id: Int64) async throws -> Int64 {
        try await client.bidirectional(
            "\(EtcdService.lease)/LeaseKeepAlive", request: EtcdLeaseKeepAliveRequest.self,
            reply: EtcdLeaseKeepAliveResponse.self, options: Self.options
        ) { call in
            try await call.requests.send(.with { $0.id = id })
            guard let response = try await call.replies.next() else {
                throw Shell.Failure(description: "no answer to a keep-alive")
            }
            return response.ttl
        }
    }

    func put(_ key: String, lease: Int64) async throws {
        let request = EtcdPutRequest.with {
            $0.key = Data(key.utf8)
            $0.lease = lease
        }
        let _: EtcdPutResponse = try await client.unary("\(EtcdService.kv)/Put", request, options: Self.options)
    }

    func status() async throws -> EtcdStatusResponse {
        try await client.unary("\(EtcdService.maintenance)/Status", EtcdStatusRequest(), options: Self.options)
    }

    func hash(at revision: Int64) async throws -> EtcdHashKVResponse {
        try await client.unary(
            "\(EtcdService.maintenance)/HashKV", EtcdHashKVRequest.with { $0.revision = revision },
            options: Self.options)
    }

    func moveLeader(to member: UInt64) async throws {
        let _: EtcdMoveLeaderResponse = try await client.unary(
            "\(EtcdService.maintenance)/MoveLeader", EtcdMoveLeaderRequest.with { $0.targetID = member },
            options: Self.options)
    }

    func members() async throws -> [EtcdMember] {
        let response: EtcdMemberListResponse = try await client.unary(
            "\(EtcdService.cluster)/MemberList", EtcdMemberListRequest.with { $0.linearizable = true },
            options: Self.options)
        return response.members
    }

    func removeMember(_ id: UInt64) async throws {
        let _: EtcdMemberRemoveResponse = try await client.unary(
            "\(EtcdService.cluster)/MemberRemove", EtcdMemberRemoveRequest.with { $0.id = id },
            options: GRPCCallOptions(timeout: .seconds(10)))
    }

    func addMember(at url: String) async throws -> EtcdMemberAddResponse {
        try await client.unary(
            "\(EtcdService.cluster)/MemberAdd", EtcdMemberAddRequest.with { $0.peerUrls = [url] },
            options: GRPCCallOptions(timeout: .seconds(10)))
    }

    /// Follows the changes of keys from a revision on, for ten seconds at most, until it fails or `body` says that it is enough.
    func watch(
        _ keys: KeyRange = .prefix(Bytes(Workload.prefix)), from revision: Int64,
        _ body: (EtcdWatchResponse) throws -> Bool
    ) async throws {
        try await client.bidirectional(
            "\(EtcdService.watch)/Watch", request: EtcdWatchRequest.self, reply: EtcdWatchResponse.self,
            options: GRPCCallOptions(timeout: .seconds(10))
        ) { call in
            let request = WatchRequest(keys, start: Revision(revision))
            try await call.requests.send(.with { $0.createRequest = EtcdWatchCreateRequest(request) })
            while let response = try await call.replies.next() {
                if try !body(response) { return }
            }
        }
    }
}

extension Change {
    init(_ event: EtcdEvent) {
        self.init(
            revision: event.kv.modRevision, key: String(decoding: event.kv.key, as: UTF8.self),
            value: event.type == .delete ? nil : String(decoding: event.kv.value, as: UTF8.self))
    }
}
