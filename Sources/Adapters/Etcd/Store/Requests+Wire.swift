import ApusKV
import ApusPrimitives

// An empty range that begins at the very first key would be written as all keys: another empty range is sent instead.

extension KeyRange {
    var onWire: KeyRange { isEmpty && !start.isEmpty ? .range(Self.high, Self.high) : self }

    private static let high = Bytes([0xFF])
}

extension RangeRequest {
    var onWire: RangeRequest {
        guard range.isEmpty else { return self }
        var copy = self
        copy.range = range.onWire
        return copy
    }
}

extension DeleteRangeRequest {
    var onWire: DeleteRangeRequest {
        range.isEmpty ? DeleteRangeRequest(range.onWire, previous: previous) : self
    }
}

extension TxnRequest {
    var onWire: TxnRequest {
        TxnRequest(
            compares: compares.map { Compare($0.range.onWire, $0.target, $0.result) }, success: success.map(\.onWire),
            failure: failure.map(\.onWire))
    }
}

extension Operation {
    fileprivate var onWire: Operation {
        switch self {
        case .range(let request): .range(request.onWire)
        case .put: self
        case .delete(let request): .delete(request.onWire)
        case .txn(let request): .txn(request.onWire)
        }
    }
}
