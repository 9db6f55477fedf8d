public import ApusKV
import ApusPrimitives

extension TxnRequest {
    /// - Throws: `.keyNotFound` for an operation that is none, as etcd; `.invalidSortOption`; what `Compare` throws.
    public init(_ request: EtcdTxnRequest) throws(EtcdError) {
        self.init()
        for compare in request.compare { compares.append(try Compare(compare)) }
        for operation in request.success { success.append(try Operation(operation)) }
        for operation in request.failure { failure.append(try Operation(operation)) }
    }
}

extension EtcdTxnRequest {
    public init(_ request: TxnRequest) {
        self.init()
        compare = request.compares.map(EtcdCompare.init)
        success = request.success.map(EtcdRequestOp.init)
        failure = request.failure.map(EtcdRequestOp.init)
    }
}

extension Operation {
    init(_ operation: EtcdRequestOp) throws(EtcdError) {
        switch operation.request {
        case .requestRange(let request): self = .range(try RangeRequest(request))
        case .requestPut(let request): self = .put(PutRequest(request))
        case .requestDeleteRange(let request): self = .delete(DeleteRangeRequest(request))
        case .requestTxn(let request): self = .txn(try TxnRequest(request))
        case nil: throw .keyNotFound
        }
    }
}

extension EtcdRequestOp {
    init(_ operation: Operation) {
        self.init()
        switch operation {
        case .range(let request): requestRange = EtcdRangeRequest(request)
        case .put(let request): requestPut = EtcdPutRequest(request)
        case .delete(let request): requestDeleteRange = EtcdDeleteRangeRequest(request)
        case .txn(let request): requestTxn = EtcdTxnRequest(request)
        }
    }
}

extension Compare {
    /// The target's value counts only when it is of the target's kind, and is 0 or empty otherwise, as in etcd.
    ///
    /// - Throws: `.invalidSortOption` for a target or a result that nobody knows.
    init(_ compare: EtcdCompare) throws(EtcdError) {
        let target: Target
        switch compare.target {
        case .version: target = .version(compare.version)
        case .create: target = .create(Revision(compare.createRevision))
        case .mod: target = .mod(Revision(compare.modRevision))
        case .value: target = .value(Bytes(compare.value))
        case .lease: target = .lease(LeaseID(compare.lease))
        case .UNRECOGNIZED: throw .invalidSortOption
        }
        guard let result = Result(compare.result) else { throw .invalidSortOption }
        self.init(KeyRange(key: Bytes(compare.key), rangeEnd: Bytes(compare.rangeEnd)), target, result)
    }
}

extension Compare.Result {
    init?(_ result: EtcdCompare.CompareResult) {
        switch result {
        case .equal: self = .equal
        case .greater: self = .greater
        case .less: self = .less
        case .notEqual: self = .notEqual
        case .UNRECOGNIZED: return nil
        }
    }
}

extension EtcdCompare {
    init(_ compare: Compare) {
        self.init()
        key = compare.range.start.data
        rangeEnd = compare.range.rangeEnd.data
        switch compare.target {
        case .version(let version): (target, self.version) = (.version, version)
        case .create(let revision): (target, createRevision) = (.create, revision.rawValue)
        case .mod(let revision): (target, modRevision) = (.mod, revision.rawValue)
        case .value(let bytes): (target, value) = (.value, bytes.data)
        case .lease(let id): (target, lease) = (.lease, id.rawValue)
        }
        result =
            switch compare.result {
            case .equal: .equal
            case .greater: .greater
            case .less: .less
            case .notEqual: .notEqual
            }
    }
}
