/// A change of the store as a log records it: applying the same commands in the same order gives the same store.
public enum Command: Hashable, Sendable {
    case put(PutRequest)
    case delete(DeleteRangeRequest)
    case txn(TxnRequest)
    case compact(Revision)
    case grant(LeaseID, ttlSeconds: Int64)
    case revoke(LeaseID)
}

public enum CommandResponse: Hashable, Sendable {
    case put(PutResponse)
    case delete(DeleteRangeResponse)
    case txn(TxnResponse)
    case compact(Revision)
    case grant(Lease)
    case revoke(DeleteRangeResponse)
}
