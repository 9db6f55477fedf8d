import ApusEtcdAPI
import ApusPrimitives
import Foundation
import SwiftProtobuf

/// What etcd answers with: every answer has a header.
protocol EtcdReply: Message {
    var header: EtcdResponseHeader { get set }
    var hasHeader: Bool { get }

    /// Takes away what etcd does not define, so that two servers that are both right give the same.
    mutating func normalise(for request: any Message)
}

extension EtcdReply {
    mutating func normalise(for request: any Message) {}

    /// The identities of the server and its term are its own.
    mutating func anonymise() {
        guard hasHeader else { return }
        header.clusterID = 0
        header.memberID = 0
        header.raftTerm = 0
    }
}

extension EtcdRangeResponse: EtcdReply {
    mutating func normalise(for request: any Message) {
        if let request = request as? EtcdRangeRequest { orderTies(request) }
    }

    /// Etcd sorts with an unstable algorithm: keys that compare equal come in any order, and where a limit cuts through
    /// such a run any of them may be there.
    mutating func orderTies(_ request: EtcdRangeRequest) {
        guard request.sortTarget != .key else { return }
        func isTie(_ first: EtcdKeyValue, _ second: EtcdKeyValue) -> Bool {
            switch request.sortTarget {
            case .version: first.version == second.version
            case .create: first.createRevision == second.createRevision
            case .mod: first.modRevision == second.modRevision
            // Keys alone have lost what they were sorted by.
            case .value: request.keysOnly || first.value == second.value
            default: false
            }
        }
        var start = 0
        while start < kvs.count {
            let end = kvs[start...].firstIndex { !isTie(kvs[start], $0) } ?? kvs.count
            if end == kvs.count, more {
                for index in start..<end { kvs[index] = EtcdKeyValue() }
            } else {
                kvs[start..<end].sort { $0.key.lexicographicallyPrecedes($1.key) }
            }
            start = end
        }
    }
}

extension EtcdTxnResponse: EtcdReply {
    mutating func normalise(for request: any Message) {
        guard let request = request as? EtcdTxnRequest else { return }
        let operations = succeeded ? request.success : request.failure
        guard operations.count == responses.count else { return }
        for (index, operation) in operations.enumerated() {
            switch operation.request {
            case .requestRange(let range): responses[index].responseRange.orderTies(range)
            case .requestTxn(let txn): responses[index].responseTxn.normalise(for: txn)
            default: break
            }
        }
    }
}

extension EtcdLeaseTimeToLiveResponse: EtcdReply {
    mutating func normalise(for request: any Message) {
        // Etcd keeps a lease's keys in a map.
        keys.sort { $0.lexicographicallyPrecedes($1) }
        // A trace takes a minute or two, no lease of it less than sixteen.
        if (0...900).contains(grantedTtl - ttl) { ttl = grantedTtl }
    }
}

extension EtcdAuthenticateResponse: EtcdReply {
    mutating func normalise(for request: any Message) {
        token = token.isEmpty ? "" : "a token"
    }
}

extension EtcdPutResponse: EtcdReply {}
extension EtcdDeleteRangeResponse: EtcdReply {}
extension EtcdCompactionResponse: EtcdReply {}
extension EtcdHashKVResponse: EtcdReply {}
extension EtcdLeaseGrantResponse: EtcdReply {}
extension EtcdLeaseRevokeResponse: EtcdReply {}
extension EtcdLeaseKeepAliveResponse: EtcdReply {}
extension EtcdLeaseLeasesResponse: EtcdReply {}
extension EtcdWatchResponse: EtcdReply {}
extension EtcdLockResponse: EtcdReply {}
extension EtcdUnlockResponse: EtcdReply {}
extension EtcdCampaignResponse: EtcdReply {}
extension EtcdProclaimResponse: EtcdReply {}
extension EtcdLeaderResponse: EtcdReply {}
extension EtcdResignResponse: EtcdReply {}
extension EtcdAuthEnableResponse: EtcdReply {}
extension EtcdAuthDisableResponse: EtcdReply {}
extension EtcdAuthStatusResponse: EtcdReply {}
extension EtcdAuthUserAddResponse: EtcdReply {}
extension EtcdAuthUserGetResponse: EtcdReply {}
extension EtcdAuthUserListResponse: EtcdReply {}
extension EtcdAuthUserDeleteResponse: EtcdReply {}
extension EtcdAuthUserChangePasswordResponse: EtcdReply {}
extension EtcdAuthUserGrantRoleResponse: EtcdReply {}
extension EtcdAuthUserRevokeRoleResponse: EtcdReply {}
extension EtcdAuthRoleAddResponse: EtcdReply {}
extension EtcdAuthRoleGetResponse: EtcdReply {}
extension EtcdAuthRoleListResponse: EtcdReply {}
extension EtcdAuthRoleDeleteResponse: EtcdReply {}
extension EtcdAuthRoleGrantPermissionResponse: EtcdReply {}
extension EtcdAuthRoleRevokePermissionResponse: EtcdReply {}
