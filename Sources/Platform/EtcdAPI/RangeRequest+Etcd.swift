public import ApusKV
import ApusPrimitives

extension RangeRequest {
    /// - Throws: `.invalidSortOption` for an order or a target that nobody knows.
    public init(_ request: EtcdRangeRequest) throws(EtcdError) {
        guard let order = SortOrder(request.sortOrder), let target = SortTarget(request.sortTarget) else {
            throw .invalidSortOption
        }
        self.init(
            KeyRange(key: Bytes(request.key), rangeEnd: Bytes(request.rangeEnd)), limit: Int(request.limit),
            revision: Revision(request.revision), sortOrder: order, sortTarget: target, keysOnly: request.keysOnly,
            countOnly: request.countOnly, minModRevision: Revision(request.minModRevision),
            maxModRevision: Revision(request.maxModRevision), minCreateRevision: Revision(request.minCreateRevision),
            maxCreateRevision: Revision(request.maxCreateRevision))
    }
}

extension EtcdRangeRequest {
    /// - Parameter serializable: whatever the member has, which may be behind.
    public init(_ request: RangeRequest, serializable: Bool = false) {
        self.init()
        key = request.range.start.data
        rangeEnd = request.range.rangeEnd.data
        limit = Int64(request.limit)
        revision = request.revision.rawValue
        sortOrder = SortOrder(request.sortOrder)
        sortTarget = SortTarget(request.sortTarget)
        self.serializable = serializable
        keysOnly = request.keysOnly
        countOnly = request.countOnly
        minModRevision = request.minModRevision.rawValue
        maxModRevision = request.maxModRevision.rawValue
        minCreateRevision = request.minCreateRevision.rawValue
        maxCreateRevision = request.maxCreateRevision.rawValue
    }
}

extension RangeRequest.SortOrder {
    init?(_ order: EtcdRangeRequest.SortOrder) {
        switch order {
        case .none: self = .none
        case .ascend: self = .ascend
        case .descend: self = .descend
        case .UNRECOGNIZED: return nil
        }
    }
}

extension EtcdRangeRequest.SortOrder {
    init(_ order: RangeRequest.SortOrder) {
        switch order {
        case .none: self = .none
        case .ascend: self = .ascend
        case .descend: self = .descend
        }
    }
}

extension RangeRequest.SortTarget {
    init?(_ target: EtcdRangeRequest.SortTarget) {
        switch target {
        case .key: self = .key
        case .version: self = .version
        case .create: self = .create
        case .mod: self = .mod
        case .value: self = .value
        case .UNRECOGNIZED: return nil
        }
    }
}

extension EtcdRangeRequest.SortTarget {
    init(_ target: RangeRequest.SortTarget) {
        switch target {
        case .key: self = .key
        case .version: self = .version
        case .create: self = .create
        case .mod: self = .mod
        case .value: self = .value
        }
    }
}
