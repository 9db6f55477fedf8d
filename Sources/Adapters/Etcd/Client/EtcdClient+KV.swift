public import ApusEtcdAPI
import ApusGRPC

/// The key-value service. What a response says is etcd's; see its documentation of the API.
extension EtcdClient {
    public func range(_ request: EtcdRangeRequest) async throws -> EtcdRangeResponse {
        try await unary(request.serializable ? .serializableRange : .range, request)
    }

    public func put(_ request: EtcdPutRequest) async throws -> EtcdPutResponse {
        try await unary(.put, request)
    }

    public func deleteRange(_ request: EtcdDeleteRangeRequest) async throws -> EtcdDeleteRangeResponse {
        try await unary(.deleteRange, request)
    }

    public func txn(_ request: EtcdTxnRequest) async throws -> EtcdTxnResponse {
        try await unary(request.isReadOnly ? .readOnlyTxn : .txn, request)
    }

    /// - Parameter request: `physical` waits until the space is given back.
    public func compact(_ request: EtcdCompactionRequest) async throws -> EtcdCompactionResponse {
        try await unary(.compact, request, limit: request.physical ? .none : .standard)
    }
}

extension EtcdTxnRequest {
    /// Whether it changes nothing, whichever branch it takes.
    var isReadOnly: Bool {
        (success + failure).allSatisfy { operation in
            switch operation.request {
            case .requestRange: true
            case .requestTxn(let inner): inner.isReadOnly
            default: false
            }
        }
    }
}
