import ApusGRPC
public import ApusKV

extension EtcdError {
    /// What etcd answers where the key-value core refuses.
    public init(_ error: KVError) {
        self =
            switch error.code {
            case .emptyKey: .emptyKey
            case .keyNotFound: .keyNotFound
            case .valueProvided: .valueProvided
            case .leaseProvided: .leaseProvided
            case .tooManyOperations: .tooManyOperations
            case .duplicateKey: .duplicateKey
            case .compacted: .compacted
            case .futureRevision: .futureRevision
            case .leaseNotFound: .leaseNotFound
            case .leaseExists: .leaseExists
            case .leaseTTLTooLarge: .leaseTTLTooLarge
            default: EtcdError(.invalidArgument, error.message)
            }
    }
}
