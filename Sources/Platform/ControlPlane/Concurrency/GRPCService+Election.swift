import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import SwiftProtobuf

extension GRPCService {
    /// etcd's Election service.
    static func election(_ core: ControlCore) -> GRPCService {
        GRPCService(EtcdService.election) { service in
            service.unary("Campaign") { (request: EtcdCampaignRequest, call) in
                try await core.withStatus { try await core.campaign(request, try await core.knownCaller(call.head)) }
            }
            service.unary("Proclaim") { (request: EtcdProclaimRequest, call) in
                try await core.withStatus { try await core.proclaim(request, try await core.knownCaller(call.head)) }
            }
            service.unary("Leader") { (request: EtcdLeaderRequest, call) in
                try await core.withStatus { try await core.leader(request, try await core.knownCaller(call.head)) }
            }
            service.unary("Resign") { (request: EtcdResignRequest, call) in
                try await core.withStatus { try await core.resign(request, try await core.knownCaller(call.head)) }
            }
            service.serverStream("Observe") { (request: EtcdLeaderRequest, replies, call) in
                try await core.withStatus {
                    try await core.observe(request, replies, try await core.knownCaller(call.head))
                }
            }
        }
    }
}

extension EtcdError {
    fileprivate static let notElected = EtcdError(.unknown, "election: not leader")
    fileprivate static let nobodyElected = EtcdError(.unknown, "election: no leader")
    fileprivate static let missingLeaderKey = EtcdError(.unknown, "\"leader\" field must be provided")
}

extension ControlCore {
    fileprivate func campaign(_ request: EtcdCampaignRequest, _ caller: Caller?) async throws -> EtcdCampaignResponse {
        let name = Bytes(request.name)
        let lease = try await sessionLease(request.lease, caller)
        let key = Self.recipeKey(name, lease)
        let value = Bytes(request.value)
        let stand = TxnRequest(
            compares: [.absent(key)], success: [.put(PutRequest(key: key, value: value, lease: lease))],
            failure: [.range(RangeRequest(.key(key)))])
        let (response, revision) = try await txn(stand, caller)
        var mine = revision
        if !response.succeeded, case .range(let own)? = response.responses.first, let kv = own.kvs.first {
            mine = kv.createRevision
            if kv.value != value {
                do {
                    _ = try await proclaim(key, mine, value, lease, caller)
                } catch {
                    withdraw(key, mine, caller)
                    throw error
                }
            }
        }
        do {
            try await waitForDeletions(under: name, createdThrough: Revision(mine.rawValue - 1), caller)
        } catch {
            // As etcd's client: whoever was cancelled no longer stands; after another error it does.
            if Task.isCancelled { withdraw(key, mine, caller) }
            throw error
        }
        return .with {
            $0.header = header(revision)
            $0.leader = .with {
                $0.name = request.name
                $0.key = key.data
                $0.rev = mine.rawValue
                $0.lease = lease.rawValue
            }
        }
    }

    /// Deletes the key if it is still that one, whether or not anybody waits for it.
    private func withdraw(_ key: Bytes, _ created: Revision, _ caller: Caller?) {
        propose(.kv(.txn(Self.resignation(key, created)), caller)) { _ in }
    }

    private static func resignation(_ key: Bytes, _ created: Revision) -> TxnRequest {
        TxnRequest(
            compares: [Compare(key: key, .create(created))], success: [.delete(DeleteRangeRequest(.key(key)))])
    }

    private func proclaim(
        _ key: Bytes, _ created: Revision, _ value: Bytes, _ lease: LeaseID, _ caller: Caller?
    ) async throws -> Revision {
        let request = TxnRequest(
            compares: [Compare(key: key, .create(created))],
            success: [.put(PutRequest(key: key, value: value, lease: lease))])
        let (response, revision) = try await txn(request, caller)
        guard response.succeeded else { throw EtcdError.notElected }
        return revision
    }

    fileprivate func proclaim(_ request: EtcdProclaimRequest, _ caller: Caller?) async throws -> EtcdProclaimResponse {
        guard request.hasLeader else { throw EtcdError.missingLeaderKey }
        guard !request.leader.key.isEmpty else { throw EtcdError.emptyKey }
        let lease = try await sessionLease(request.leader.lease, caller)
        let revision = try await proclaim(
            Bytes(request.leader.key), Revision(request.leader.rev), Bytes(request.value), lease, caller)
        return .with { $0.header = header(revision) }
    }

    fileprivate func resign(_ request: EtcdResignRequest, _ caller: Caller?) async throws -> EtcdResignResponse {
        guard request.hasLeader else { throw EtcdError.missingLeaderKey }
        guard !request.leader.key.isEmpty else { throw EtcdError.emptyKey }
        _ = try await sessionLease(request.leader.lease, caller)
        let (_, revision) = try await txn(
            Self.resignation(Bytes(request.leader.key), Revision(request.leader.rev)), caller)
        return .with { $0.header = header(revision) }
    }

    fileprivate func leader(_ request: EtcdLeaderRequest, _ caller: Caller?) async throws -> EtcdLeaderResponse {
        let response = try await range(Self.firstOf(Bytes(request.name)), caller)
        guard let kv = response.kvs.first else { throw EtcdError.nobodyElected }
        return elected(kv, response.revision)
    }

    private func elected(_ kv: KeyValue, _ revision: Revision) -> EtcdLeaderResponse {
        .with {
            $0.header = header(revision)
            $0.kv = EtcdKeyValue(kv)
        }
    }

    /// Everybody who is elected, and everything the elected proclaim, until the caller goes away.
    fileprivate func observe(
        _ request: EtcdLeaderRequest, _ replies: GRPCMessageWriter<EtcdLeaderResponse>, _ caller: Caller?
    ) async throws {
        let name = Bytes(request.name)
        while true {
            let found = try await range(Self.firstOf(name), caller)
            let leader: EtcdLeaderResponse
            if let kv = found.kvs.first {
                leader = elected(kv, found.revision)
            } else {
                let first = try await withEvents(of: Self.recipeKeys(name), from: found.revision) { events in
                    while case let batch = try await events.take(), !batch.isEmpty {
                        if let event = batch.first(where: { $0.kind == .put }) { return event.kv }
                    }
                    throw EtcdError.stopped
                }
                leader = elected(first, first.modRevision)
            }
            try await replies.send(leader)
            try await follow(KeyValue(leader.kv).key, from: Revision(leader.header.revision).next, replies)
        }
    }

    /// Until the key is deleted.
    private func follow(
        _ key: Bytes, from revision: Revision, _ replies: GRPCMessageWriter<EtcdLeaderResponse>
    ) async throws {
        try await withEvents(of: .key(key), from: revision) { events in
            while case let batch = try await events.take(), !batch.isEmpty {
                for event in batch {
                    if event.kind == .delete { return }
                    try await replies.send(elected(event.kv, event.kv.modRevision))
                }
            }
            throw EtcdError.stopped
        }
    }
}
