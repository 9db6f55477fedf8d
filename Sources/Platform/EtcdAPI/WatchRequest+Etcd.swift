public import ApusKV
import ApusPrimitives

extension WatchRequest {
    /// An empty key is the very first, as in etcd. Filters that nobody knows are ignored.
    public init(_ request: EtcdWatchCreateRequest) {
        let key = request.key.isEmpty ? Bytes([0]) : Bytes(request.key)
        self.init(
            KeyRange(key: key, rangeEnd: Bytes(request.rangeEnd)), start: Revision(request.startRevision),
            noPut: request.filters.contains(.noput), noDelete: request.filters.contains(.nodelete),
            previous: request.prevKv)
    }
}

extension EtcdWatchCreateRequest {
    public init(_ request: WatchRequest) {
        self.init()
        key = request.range.start.data
        rangeEnd = request.range.rangeEnd.data
        startRevision = request.start.rawValue
        if request.noPut { filters.append(.noput) }
        if request.noDelete { filters.append(.nodelete) }
        prevKv = request.previous
    }
}
