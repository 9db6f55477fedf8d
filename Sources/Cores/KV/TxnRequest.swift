/// If all compares hold, the operations of `success`, else those of `failure`: all at one revision, or none.
public struct TxnRequest: Hashable, Sendable {
    public var compares: [Compare]
    public var success: [Operation]
    public var failure: [Operation]

    public init(compares: [Compare] = [], success: [Operation] = [], failure: [Operation] = []) {
        self.compares = compares
        self.success = success
        self.failure = failure
    }
}

public enum Operation: Hashable, Sendable {
    case range(RangeRequest)
    case put(PutRequest)
    case delete(DeleteRangeRequest)
    /// Its compares see the store as it was before the outermost transaction.
    case txn(TxnRequest)
}

public struct TxnResponse: Hashable, Sendable {
    public var revision: Revision
    /// The compares held.
    public var succeeded: Bool
    /// One for each operation of the branch that ran.
    public var responses: [OperationResponse]

    public init(revision: Revision, succeeded: Bool, responses: [OperationResponse]) {
        self.revision = revision
        self.succeeded = succeeded
        self.responses = responses
    }
}

public enum OperationResponse: Hashable, Sendable {
    case range(RangeResponse)
    case put(PutResponse)
    case delete(DeleteRangeResponse)
    case txn(TxnResponse)
}
