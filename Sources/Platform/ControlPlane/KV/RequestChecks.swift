import ApusEtcdAPI

// What etcd refuses before anybody is asked who calls, in etcd's order.

extension EtcdRangeRequest {
    func check() throws(EtcdError) {
        guard !key.isEmpty else { throw .emptyKey }
    }
}

extension EtcdPutRequest {
    func check() throws(EtcdError) {
        guard !key.isEmpty else { throw .emptyKey }
        if ignoreValue, !value.isEmpty { throw .valueProvided }
        if ignoreLease, lease != 0 { throw .leaseProvided }
    }
}

extension EtcdDeleteRangeRequest {
    func check() throws(EtcdError) {
        guard !key.isEmpty else { throw .emptyKey }
    }
}

extension EtcdTxnRequest {
    /// - Parameter maxOperations: nested transactions have what those around them leave.
    func check(maxOperations: Int) throws(EtcdError) {
        let operations = max(compare.count, success.count, failure.count)
        guard operations <= maxOperations else { throw .tooManyOperations }
        for compare in compare where compare.key.isEmpty { throw .emptyKey }
        for operation in success { try operation.check(maxOperations: maxOperations - operations) }
        for operation in failure { try operation.check(maxOperations: maxOperations - operations) }
    }
}

extension EtcdRequestOp {
    fileprivate func check(maxOperations: Int) throws(EtcdError) {
        switch request {
        case .requestRange(let request): try request.check()
        case .requestPut(let request): try request.check()
        case .requestDeleteRange(let request): try request.check()
        case .requestTxn(let request): try request.check(maxOperations: maxOperations)
        // Etcd has no other word for an operation that is none.
        case nil: throw .keyNotFound
        }
    }
}
