import ApusPrimitives

extension KVStore {
    /// Runs a transaction at one new revision, or at none if it changes nothing.
    ///
    /// Everything that can be wrong is found before the first change, so an error leaves the store as it was.
    /// - Parameter maximumOperations: nested transactions have what those around them leave.
    /// - Throws: `tooManyOperations`, `emptyKey`, `valueProvided`, `leaseProvided`, `duplicateKey`, `keyNotFound`,
    ///   `leaseNotFound`, `compacted`, `futureRevision`.
    public mutating func txn(
        _ request: TxnRequest, maximumOperations: Int = KVStore.maximumOperationsPerTransaction
    ) throws(KVError) -> TxnResponse {
        try request.check(budget: maximumOperations)
        try request.checkOverlaps()
        let plan = plan(request)
        var deleted: [KeyRange] = []
        try checkPuts(of: plan, after: &deleted)
        try checkReads(of: plan)
        var changes: Int64 = 0
        var response = run(plan, changes: &changes)
        if changes > 0 { current += 1 }
        response.setRevision(revision)
        return response
    }

    /// The branches that will run: as in etcd they are all chosen before anything is changed.
    private func plan(_ request: TxnRequest) -> Plan {
        let succeeded = request.compares.allSatisfy(holds)
        let steps = (succeeded ? request.success : request.failure).map { operation in
            switch operation {
            case .range(let request): Plan.Step.range(request)
            case .put(let request): Plan.Step.put(request)
            case .delete(let request): Plan.Step.delete(request)
            case .txn(let request): Plan.Step.txn(plan(request))
            }
        }
        return Plan(succeeded: succeeded, steps: steps)
    }

    /// `deleted` is what the plan deletes before. A put that keeps the value of a key which goes first (see
    /// `checkOverlaps`) cannot be served; etcd up to 3.4 at least does not foresee it, and stops.
    private func checkPuts(of plan: Plan, after deleted: inout [KeyRange]) throws(KVError) {
        for step in plan.steps {
            switch step {
            case .put(let request):
                if request.needsKey {
                    let isDeleted = deleted.contains { $0.contains(request.key) }
                    if isDeleted || live[request.key] == nil { throw .keyNotFound }
                }
                if request.lease != .none, leaseTable[request.lease] == nil { throw .leaseNotFound }
            case .delete(let request): deleted.append(request.range)
            case .txn(let nested): try checkPuts(of: nested, after: &deleted)
            case .range: break
            }
        }
    }

    private func checkReads(of plan: Plan) throws(KVError) {
        for step in plan.steps {
            switch step {
            case .range(let request):
                try checkReadable(request.revision)
                // Outside of a transaction etcd takes a negative revision for "now"; inside it refuses it.
                if request.revision < .zero, request.revision.rawValue < compacted {
                    throw .compacted(compactedRevision)
                }
            case .txn(let nested): try checkReads(of: nested)
            case .put, .delete: break
            }
        }
    }

    private mutating func run(_ plan: Plan, changes: inout Int64) -> TxnResponse {
        var responses: [OperationResponse] = []
        responses.reserveCapacity(plan.steps.count)
        for step in plan.steps {
            switch step {
            case .range(let request): responses.append(.range(read(request, changes: changes)))
            case .put(let request): responses.append(.put(write(request, changes: &changes)))
            case .delete(let request): responses.append(.delete(erase(request, changes: &changes)))
            case .txn(let nested): responses.append(.txn(run(nested, changes: &changes)))
            }
        }
        return TxnResponse(revision: .zero, succeeded: plan.succeeded, responses: responses)
    }

    private func holds(_ compare: Compare) -> Bool {
        let bounds = liveBounds(of: compare.range)
        guard !bounds.isEmpty else { return compare.holdsForAbsentKey }
        var cursor = live.cursor(at: bounds.lowerBound)
        for _ in bounds {
            guard let entry = cursor.next(), compare.holds(for: entry.value.kv) else { return false }
        }
        return true
    }

    /// A transaction whose compares have been decided.
    private struct Plan {
        indirect enum Step {
            case range(RangeRequest)
            case put(PutRequest)
            case delete(DeleteRangeRequest)
            case txn(Plan)
        }

        let succeeded: Bool
        let steps: [Step]
    }
}

extension TxnResponse {
    /// Nested transactions end at the revision of the outermost one.
    fileprivate mutating func setRevision(_ revision: Revision) {
        self.revision = revision
        for index in responses.indices {
            guard case .txn(var nested) = responses[index] else { continue }
            nested.setRevision(revision)
            responses[index] = .txn(nested)
        }
    }
}

extension Compare {
    var holdsForAbsentKey: Bool {
        if case .value = target { return false }
        return holds(
            for: KeyValue(key: .empty, value: .empty, createRevision: .zero, modRevision: .zero, version: 0))
    }

    func holds(for kv: KeyValue) -> Bool {
        switch target {
        case .version(let version): result.holds(kv.version, version)
        case .create(let revision): result.holds(kv.createRevision, revision)
        case .mod(let revision): result.holds(kv.modRevision, revision)
        case .value(let value): result.holds(kv.value, value)
        case .lease(let lease): result.holds(kv.lease, lease)
        }
    }
}

extension Compare.Result {
    fileprivate func holds<Value: Comparable>(_ actual: Value, _ expected: Value) -> Bool {
        switch self {
        case .equal: actual == expected
        case .greater: actual > expected
        case .less: actual < expected
        case .notEqual: actual != expected
        }
    }
}
