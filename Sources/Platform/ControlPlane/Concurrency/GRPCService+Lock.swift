import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import SwiftProtobuf

extension GRPCService {
    /// etcd's Lock service.
    static func lock(_ core: ControlCore) -> GRPCService {
        GRPCService(EtcdService.lock) { service in
            service.unary("Lock") { (request: EtcdLockRequest, call) in
                try await core.withStatus { try await core.lock(request, try await core.knownCaller(call.head)) }
            }
            service.unary("Unlock") { (request: EtcdUnlockRequest, call) in
                try await core.withStatus { try await core.unlock(request, try await core.knownCaller(call.head)) }
            }
        }
    }
}

extension ControlCore {
    /// An `EtcdError` is a status, for whoever called. Etcd's recipes are a client of its own, whose errors lose their code.
    func withStatus<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as EtcdError {
            throw error.code == .cancelled ? error.status : GRPCError(.unknown, error.message)
        }
    }

    fileprivate func lock(_ request: EtcdLockRequest, _ caller: Caller?) async throws -> EtcdLockResponse {
        let name = Bytes(request.name)
        let lease = try await sessionLease(request.lease, caller)
        let key = Self.recipeKey(name, lease)
        let acquire = TxnRequest(
            compares: [.absent(key)],
            success: [.put(PutRequest(key: key, value: .empty, lease: lease)), .range(Self.firstOf(name))],
            // The same lease again: it has the lock, or has its place in the queue.
            failure: [.range(RangeRequest(.key(key))), .range(Self.firstOf(name))])
        let (response, revision) = try await txn(acquire, caller)
        var mine = revision
        if !response.succeeded, case .range(let own)? = response.responses.first, let kv = own.kvs.first {
            mine = kv.createRevision
        }
        guard case .range(let first)? = response.responses.last else { throw EtcdError.keyNotFound }
        if first.kvs.isEmpty || first.kvs[0].createRevision == mine { return locked(key, revision) }
        do {
            try await waitForDeletions(under: name, createdThrough: Revision(mine.rawValue - 1), caller)
            let own = try await range(RangeRequest(.key(key)), caller)
            if own.kvs.isEmpty { throw EtcdError(.unknown, "mutex: session is expired") }
            return locked(key, own.revision)
        } catch {
            // As etcd's client: whoever gives up leaves the queue. It happens though the caller is gone.
            if (error as? EtcdError)?.message != "mutex: session is expired" {
                propose(.kv(.delete(DeleteRangeRequest(.key(key))), caller)) { _ in }
            }
            throw error
        }
    }

    private func locked(_ key: Bytes, _ revision: Revision) -> EtcdLockResponse {
        .with {
            $0.header = header(revision)
            $0.key = key.data
        }
    }

    fileprivate func unlock(_ request: EtcdUnlockRequest, _ caller: Caller?) async throws -> EtcdUnlockResponse {
        guard !request.key.isEmpty else { throw EtcdError.emptyKey }
        let (_, revision) = try await propose(
            .kv(.delete(DeleteRangeRequest(.key(Bytes(request.key)))), caller))
        return .with { $0.header = header(revision) }
    }
}
