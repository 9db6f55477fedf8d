import ApusKV
import ApusPrimitives

/// How much a write adds to the data, by etcd's reckoning (server/etcdserver/quota.go): what is refused at the door when it would
/// pass the quota, and everywhere while the NOSPACE alarm is raised.
enum Quota {
    private static let leaseBytes: Int64 = 64
    private static let keyBytes: Int64 = 256

    /// 0 for what does not grow: deletions, compaction, the end of a lease.
    static func cost(of command: Command) -> Int64 {
        switch command {
        case .put(let request): cost(of: request)
        case .txn(let request): cost(of: request)
        case .grant: leaseBytes
        case .delete, .compact, .revoke: 0
        }
    }

    /// Of the dearer branch, with what is nested.
    private static func cost(of request: TxnRequest) -> Int64 {
        max(cost(of: request.success), cost(of: request.failure))
    }

    private static func cost(of operations: [Operation]) -> Int64 {
        operations.reduce(0) { sum, operation in
            switch operation {
            case .put(let request): sum + cost(of: request)
            case .txn(let request): sum + cost(of: request)
            case .range, .delete: sum
            }
        }
    }

    private static func cost(of request: PutRequest) -> Int64 {
        keyBytes + Int64(request.key.count + request.value.count)
    }
}
