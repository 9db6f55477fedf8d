import ApusKV
import ApusPrimitives

extension Oracle {
    mutating func txn(_ request: TxnRequest) throws(KVError) -> TxnResponse {
        try checkForm(request, budget: 128)
        _ = try changes(request.success)
        _ = try changes(request.failure)
        var puts: [PutRequest] = []
        var ranges: [RangeRequest] = []
        var deletes: [KeyRange] = []
        var lost: Set<Bytes> = []
        collect(request, &puts, &ranges, &deletes, &lost)
        for request in puts {
            if request.ignoreValue || request.ignoreLease, lost.contains(request.key) { throw failure(.keyNotFound) }
            if request.ignoreValue || request.ignoreLease, state[request.key] == nil { throw failure(.keyNotFound) }
            if request.lease != .none, leases[request.lease] == nil { throw failure(.leaseNotFound) }
        }
        for request in ranges where request.revision != .zero {
            if request.revision.rawValue > revision { throw failure(.futureRevision) }
            if request.revision.rawValue < compacted { throw failure(.compacted) }
        }
        var work = Work(state: state)
        let response = run(request, &work)
        commit(work)
        return stamped(response)
    }

    private func checkForm(_ request: TxnRequest, budget: Int) throws(KVError) {
        let most = max(request.compares.count, request.success.count, request.failure.count)
        if most > budget { throw failure(.tooManyOperations) }
        if request.compares.contains(where: { $0.range.start.isEmpty }) { throw failure(.emptyKey) }
        for operation in request.success + request.failure {
            switch operation {
            case .put(let put): try checkForm(put)
            case .txn(let nested): try checkForm(nested, budget: budget - most)
            case .range(let range): if range.range.start.isEmpty { throw failure(.emptyKey) }
            case .delete(let delete): if delete.range.start.isEmpty { throw failure(.emptyKey) }
            }
        }
    }

    /// etcd's `checkIntervals`, line by line.
    private func changes(_ operations: [Operation]) throws(KVError) -> (puts: Set<Bytes>, deletes: [KeyRange]) {
        var deletes = operations.compactMap { operation -> KeyRange? in
            guard case .delete(let delete) = operation, delete.range.end != .unbounded else { return nil }
            return delete.range
        }
        var puts: Set<Bytes> = []
        for operation in operations {
            guard case .txn(let nested) = operation else { continue }
            let success = try changes(nested.success)
            let failure = try changes(nested.failure)
            if !puts.isDisjoint(with: success.puts) || !puts.isDisjoint(with: failure.puts) {
                throw self.failure(.duplicateKey)
            }
            let both = success.puts.union(failure.puts)
            if both.contains(where: { key in deletes.contains { $0.contains(key) } }) {
                throw self.failure(.duplicateKey)
            }
            puts.formUnion(both)
            deletes += success.deletes + failure.deletes
        }
        for case .put(let put) in operations {
            if puts.contains(put.key) || deletes.contains(where: { $0.contains(put.key) }) {
                throw failure(.duplicateKey)
            }
            puts.insert(put.key)
        }
        return (puts, deletes)
    }

    private func succeeds(_ request: TxnRequest) -> Bool {
        request.compares.allSatisfy { compare in
            let kvs = keyValues(in: compare.range, of: state)
            guard kvs.isEmpty else { return kvs.allSatisfy { holds(compare, $0) } }
            if case .value = compare.target { return false }
            return holds(
                compare, KeyValue(key: "", value: "", createRevision: .zero, modRevision: .zero, version: 0))
        }
    }

    private func holds(_ compare: Compare, _ kv: KeyValue) -> Bool {
        func check<T: Comparable>(_ left: T, _ right: T) -> Bool {
            switch compare.result {
            case .equal: left == right
            case .notEqual: left != right
            case .greater: left > right
            case .less: left < right
            }
        }
        return switch compare.target {
        case .version(let version): check(kv.version, version)
        case .create(let revision): check(kv.createRevision, revision)
        case .mod(let revision): check(kv.modRevision, revision)
        case .value(let value): check(kv.value, value)
        case .lease(let lease): check(kv.lease, lease)
        }
    }

    /// What will run, and the keys that are put after they have been deleted.
    private func collect(
        _ request: TxnRequest, _ puts: inout [PutRequest], _ ranges: inout [RangeRequest],
        _ deletes: inout [KeyRange], _ lost: inout Set<Bytes>
    ) {
        for operation in succeeds(request) ? request.success : request.failure {
            switch operation {
            case .put(let put):
                puts.append(put)
                if deletes.contains(where: { $0.contains(put.key) }) { lost.insert(put.key) }
            case .range(let range): ranges.append(range)
            case .txn(let nested): collect(nested, &puts, &ranges, &deletes, &lost)
            case .delete(let delete): deletes.append(delete.range)
            }
        }
    }

    private func run(_ request: TxnRequest, _ work: inout Work) -> TxnResponse {
        let succeeded = succeeds(request)
        var responses: [OperationResponse] = []
        for operation in succeeded ? request.success : request.failure {
            switch operation {
            case .range(let range):
                responses.append(.range(answer(range, now: work.state, changed: !work.events.isEmpty)))
            case .put(let request): responses.append(.put(put(request, &work)))
            case .delete(let request): responses.append(.delete(delete(request, &work)))
            case .txn(let nested): responses.append(.txn(run(nested, &work)))
            }
        }
        return TxnResponse(revision: .zero, succeeded: succeeded, responses: responses)
    }

    private func stamped(_ response: TxnResponse) -> TxnResponse {
        TxnResponse(
            revision: Revision(revision), succeeded: response.succeeded,
            responses: response.responses.map { response in
                if case .txn(let nested) = response { .txn(stamped(nested)) } else { response }
            })
    }

    mutating func grant(_ id: LeaseID, ttlSeconds: Int64, at now: MonotonicTime) throws(KVError) -> Lease {
        if id == .none { throw failure(.leaseNotFound) }
        if ttlSeconds > 9_000_000_000 { throw failure(.leaseTTLTooLarge) }
        if leases[id] != nil { throw failure(.leaseExists) }
        let ttl = max(2, ttlSeconds)
        leases[id] = Lease(id: id, grantedTTLSeconds: ttl, expires: now + .seconds(ttl))
        return leases[id]!
    }

    mutating func revoke(_ id: LeaseID) throws(KVError) -> DeleteRangeResponse {
        guard leases.removeValue(forKey: id) != nil else { throw failure(.leaseNotFound) }
        var work = Work(state: state)
        for key in keys(attachedTo: id) { _ = delete(DeleteRangeRequest(.key(key)), &work) }
        commit(work)
        return DeleteRangeResponse(revision: Revision(revision), deleted: work.events.count)
    }

    mutating func keepAlive(_ id: LeaseID, at now: MonotonicTime) throws(KVError) -> Int64 {
        guard let lease = leases[id], lease.expires > now else { throw failure(.leaseNotFound) }
        leases[id] = Lease(
            id: id, grantedTTLSeconds: lease.grantedTTLSeconds, expires: now + .seconds(lease.grantedTTLSeconds))
        return lease.grantedTTLSeconds
    }

    func keys(attachedTo id: LeaseID) -> [Bytes] {
        state.values.filter { $0.lease == id }.map(\.key).sorted()
    }

    mutating func apply(_ command: Command, at now: MonotonicTime) throws(KVError) -> CommandResponse {
        switch command {
        case .put(let request): return .put(try put(request))
        case .delete(let request): return .delete(try delete(request))
        case .txn(let request): return .txn(try txn(request))
        case .compact(let revision):
            try compact(at: revision)
            return .compact(revision)
        case .grant(let id, let ttlSeconds): return .grant(try grant(id, ttlSeconds: ttlSeconds, at: now))
        case .revoke(let id): return .revoke(try revoke(id))
        }
    }
}
