import ApusGRPC
public import ApusKV
import ApusPrimitives
import SwiftProtobuf

extension EtcdKeyValue {
    public init(_ kv: KeyValue) {
        self.init()
        key = kv.key.data
        value = kv.value.data
        createRevision = kv.createRevision.rawValue
        modRevision = kv.modRevision.rawValue
        version = kv.version
        lease = kv.lease.rawValue
    }
}

extension KeyValue {
    public init(_ kv: EtcdKeyValue) {
        self.init(
            key: Bytes(kv.key), value: Bytes(kv.value), createRevision: Revision(kv.createRevision),
            modRevision: Revision(kv.modRevision), version: kv.version, lease: LeaseID(kv.lease))
    }
}

extension EtcdEvent {
    public init(_ event: Event) {
        self.init()
        type = event.kind == .delete ? .delete : .put
        if event.kind == .delete {
            // A deletion tells the key and its revision.
            kv = .with {
                $0.key = event.kv.key.data
                $0.modRevision = event.kv.modRevision.rawValue
            }
        } else {
            kv = EtcdKeyValue(event.kv)
        }
        if let previous = event.previous { prevKv = EtcdKeyValue(previous) }
    }
}

extension Event {
    public init(_ event: EtcdEvent) {
        self.init(
            kind: event.type == .delete ? .delete : .put, kv: KeyValue(event.kv),
            previous: event.hasPrevKv ? KeyValue(event.prevKv) : nil)
    }
}

extension EtcdRangeResponse {
    /// Without a header, which says more than the core knows.
    public init(_ response: RangeResponse) {
        self.init()
        kvs = response.kvs.map(EtcdKeyValue.init)
        more = response.more
        count = Int64(response.count)
    }
}

extension RangeResponse {
    public init(_ response: EtcdRangeResponse) {
        self.init(
            revision: Revision(response.header.revision), kvs: response.kvs.map(KeyValue.init), more: response.more,
            count: Int(response.count))
    }
}

extension EtcdPutResponse {
    public init(_ response: PutResponse) {
        self.init()
        if let previous = response.previous { prevKv = EtcdKeyValue(previous) }
    }
}

extension PutResponse {
    public init(_ response: EtcdPutResponse) {
        self.init(
            revision: Revision(response.header.revision),
            previous: response.hasPrevKv ? KeyValue(response.prevKv) : nil)
    }
}

extension EtcdDeleteRangeResponse {
    public init(_ response: DeleteRangeResponse) {
        self.init()
        deleted = Int64(response.deleted)
        prevKvs = response.previous.map(EtcdKeyValue.init)
    }
}

extension DeleteRangeResponse {
    public init(_ response: EtcdDeleteRangeResponse) {
        self.init(
            revision: Revision(response.header.revision), deleted: Int(response.deleted),
            previous: response.prevKvs.map(KeyValue.init))
    }
}

extension EtcdTxnResponse {
    /// The operations' own headers carry the revision alone, as etcd's do.
    public init(_ response: TxnResponse) {
        self.init()
        succeeded = response.succeeded
        responses = response.responses.map(EtcdResponseOp.init)
    }
}

extension TxnResponse {
    /// - Throws: `.keyNotFound` for an answer that is none.
    public init(_ response: EtcdTxnResponse) throws(EtcdError) {
        var responses: [OperationResponse] = []
        for operation in response.responses { responses.append(try OperationResponse(operation)) }
        self.init(
            revision: Revision(response.header.revision), succeeded: response.succeeded, responses: responses)
    }
}

extension EtcdResponseOp {
    init(_ response: OperationResponse) {
        self.init()
        switch response {
        case .range(let response):
            responseRange = EtcdRangeResponse(response)
            responseRange.header.revision = response.revision.rawValue
        case .put(let response):
            responsePut = EtcdPutResponse(response)
            responsePut.header.revision = response.revision.rawValue
        case .delete(let response):
            responseDeleteRange = EtcdDeleteRangeResponse(response)
            responseDeleteRange.header.revision = response.revision.rawValue
        case .txn(let response):
            // Etcd leaves the revision of a nested transaction's header at 0, and has the header.
            responseTxn = EtcdTxnResponse(response)
            responseTxn.header = EtcdResponseHeader()
        }
    }
}

extension OperationResponse {
    init(_ operation: EtcdResponseOp) throws(EtcdError) {
        switch operation.response {
        case .responseRange(let response): self = .range(RangeResponse(response))
        case .responsePut(let response): self = .put(PutResponse(response))
        case .responseDeleteRange(let response): self = .delete(DeleteRangeResponse(response))
        case .responseTxn(let response): self = .txn(try TxnResponse(response))
        case nil: throw EtcdError(.internalError, "an operation without an answer")
        }
    }
}
