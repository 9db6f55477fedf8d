import ApusPrimitives

extension TxnRequest {
    /// What can be said without looking at a store. Operations side by side share the budget with those around them.
    func check(budget: Int) throws(KVError) {
        let operations = max(compares.count, success.count, failure.count)
        guard operations <= budget else { throw .tooManyOperations }
        for compare in compares where compare.range.start.isEmpty { throw .emptyKey }
        for operation in success { try operation.check(budget: budget - operations) }
        for operation in failure { try operation.check(budget: budget - operations) }
    }

    /// A key may change at most once on a path through the transaction.
    /// - Throws: `duplicateKey`.
    public func checkOverlaps() throws(KVError) {
        _ = try Changes(of: success)
        _ = try Changes(of: failure)
    }
}

extension Operation {
    fileprivate func check(budget: Int) throws(KVError) {
        switch self {
        case .range(let request): if request.range.start.isEmpty { throw .emptyKey }
        case .put(let request): try request.check()
        case .delete(let request): if request.range.start.isEmpty { throw .emptyKey }
        case .txn(let request): try request.check(budget: budget)
        }
    }
}

/// What a branch may put and delete, collected in the order that etcd's `checkIntervals` does.
private struct Changes {
    var puts: Set<Bytes> = []
    var deletes: [KeyRange] = []

    init(of operations: [Operation]) throws(KVError) {
        // etcd takes a deletion without an upper end for an empty one here, so it may meet a put of the same branch; the
        // two then happen in their order, at one revision.
        for case .delete(let request) in operations where request.range.end != .unbounded {
            deletes.append(request.range)
        }
        for case .txn(let request) in operations {
            let success = try Changes(of: request.success)
            let failure = try Changes(of: request.failure)
            for key in success.puts { try insert(key) }
            // Only one of the two branches runs, so both may put the same key.
            for key in failure.puts where !success.puts.contains(key) { try insert(key) }
            deletes += success.deletes + failure.deletes
        }
        for case .put(let request) in operations { try insert(request.key) }
    }

    private mutating func insert(_ key: Bytes) throws(KVError) {
        guard puts.insert(key).inserted, !deletes.contains(where: { $0.contains(key) }) else { throw .duplicateKey }
    }
}
