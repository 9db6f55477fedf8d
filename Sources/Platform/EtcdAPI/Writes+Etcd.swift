public import ApusKV
import ApusPrimitives

extension PutRequest {
    public init(_ request: EtcdPutRequest) {
        self.init(
            key: Bytes(request.key), value: Bytes(request.value), lease: LeaseID(request.lease),
            previous: request.prevKv, ignoreValue: request.ignoreValue, ignoreLease: request.ignoreLease)
    }
}

extension EtcdPutRequest {
    public init(_ request: PutRequest) {
        self.init()
        key = request.key.data
        value = request.value.data
        lease = request.lease.rawValue
        prevKv = request.previous
        ignoreValue = request.ignoreValue
        ignoreLease = request.ignoreLease
    }
}

extension DeleteRangeRequest {
    public init(_ request: EtcdDeleteRangeRequest) {
        self.init(
            KeyRange(key: Bytes(request.key), rangeEnd: Bytes(request.rangeEnd)), previous: request.prevKv)
    }
}

extension EtcdDeleteRangeRequest {
    public init(_ request: DeleteRangeRequest) {
        self.init()
        key = request.range.start.data
        rangeEnd = request.range.rangeEnd.data
        prevKv = request.previous
    }
}
