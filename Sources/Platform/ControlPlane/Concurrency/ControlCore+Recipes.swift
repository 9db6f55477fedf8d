import ApusEtcdAPI
import ApusGRPC
import ApusKV
import ApusPrimitives
import NIOCore

// What etcd's recipes for locks and elections are made of: https://etcd.io/docs/v3.5/dev-guide/api_concurrency_reference_v3
extension ControlCore {
    /// A key of a lock or an election: its name, and the lease of who wants it.
    static func recipeKey(_ name: Bytes, _ lease: LeaseID) -> Bytes {
        name + Bytes("/\(lease)")
    }

    /// Everybody's keys.
    static func recipeKeys(_ name: Bytes) -> KeyRange {
        .prefix(name + "/")
    }

    /// Who came first.
    static func firstOf(_ name: Bytes) -> RangeRequest {
        RangeRequest(recipeKeys(name), limit: 1, sortOrder: .ascend, sortTarget: .create)
    }

    /// The lease to use: a new one of 60 seconds for whoever brings none, as etcd.
    func sessionLease(_ lease: Int64, _ caller: Caller?) async throws(EtcdError) -> LeaseID {
        if lease != 0 { return LeaseID(lease) }
        let id = LeaseID(Int64.random(in: 1...(.max)))
        _ = try await propose(.kv(.grant(id, ttlSeconds: 60), caller))
        return id
    }

    func txn(_ request: TxnRequest, _ caller: Caller?) async throws(EtcdError) -> (TxnResponse, Revision) {
        guard case (.kv(.txn(let response)), let revision) = try await propose(.kv(.txn(request), caller)) else {
            throw EtcdError(.internalError, "etcdserver: an answer to something else")
        }
        return (response, revision)
    }

    func range(_ request: RangeRequest, _ caller: Caller?) async throws(EtcdError) -> RangeResponse {
        try await read(linearizable: true) { machine throws(EtcdError) in
            try machine.auth.check(caller, range: request)
            do throws(KVError) {
                return try machine.store.range(request)
            } catch {
                throw EtcdError(error)
            }
        }
    }

    /// Waits until no key of `name` is left that was created at `revision` or before.
    ///
    /// - Throws: `EtcdError`, `CancellationError`.
    func waitForDeletions(under name: Bytes, createdThrough revision: Revision, _ caller: Caller?) async throws {
        while true {
            try Task.checkCancellation()
            let last = RangeRequest(
                Self.recipeKeys(name), limit: 1, sortOrder: .descend, sortTarget: .create, maxCreateRevision: revision)
            let response = try await range(last, caller)
            guard let key = response.kvs.first?.key else { return }
            try await withEvents(of: .key(key), from: response.revision) { events in
                while case let batch = try await events.take(), !batch.isEmpty {
                    if batch.contains(where: { $0.kind == .delete }) { return }
                }
                throw EtcdError.stopped
            }
        }
    }

    /// Runs `body` with the changes of a range, until it returns.
    ///
    /// - Throws: what `body` throws, `EtcdError`.
    func withEvents<Value: Sendable>(
        of range: KeyRange, from revision: Revision, _ body: (Outbox<Event>) async throws -> Value
    ) async throws -> Value {
        let (stream, outbox) = watches.makeLocalStream()
        let watches = watches
        defer { watches.eventLoop.execute { watches.close(stream) } }
        var request = EtcdWatchCreateRequest()
        request.key = range.start.data
        request.rangeEnd = range.rangeEnd.data
        request.startRevision = revision.rawValue
        try await read(linearizable: false) { [request] machine throws(EtcdError) in
            watches.create(request, on: stream, machine.store, refusal: nil)
        }
        return try await body(outbox)
    }
}
