import ApusKV
import ApusPrimitives

extension Command {
    /// The bytes of all keys and values in it.
    var contentBytes: Int {
        switch self {
        case .put(let request): request.contentBytes
        case .delete(let request): request.range.contentBytes
        case .txn(let request): request.contentBytes
        case .compact, .grant, .revoke: 0
        }
    }
}

extension TxnRequest {
    /// Neither branch can change anything.
    var isReadOnly: Bool {
        (success + failure).allSatisfy { operation in
            switch operation {
            case .range: true
            case .put, .delete: false
            case .txn(let nested): nested.isReadOnly
            }
        }
    }

    fileprivate var contentBytes: Int {
        compares.reduce(0) { $0 + $1.contentBytes } + (success + failure).reduce(0) { $0 + $1.contentBytes }
    }
}

extension Operation {
    fileprivate var contentBytes: Int {
        switch self {
        case .range(let request): request.range.contentBytes
        case .put(let request): request.contentBytes
        case .delete(let request): request.range.contentBytes
        case .txn(let nested): nested.contentBytes
        }
    }
}

extension Compare {
    fileprivate var contentBytes: Int {
        if case .value(let value) = target { range.contentBytes + value.count } else { range.contentBytes }
    }
}

extension PutRequest {
    fileprivate var contentBytes: Int { key.count + value.count }
}

extension KeyRange {
    fileprivate var contentBytes: Int { start.count + rangeEnd.count }
}
