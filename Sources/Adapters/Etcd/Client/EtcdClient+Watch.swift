public import ApusEtcdAPI
public import ApusGRPC

extension EtcdClient {
    /// One stream of the watch service, at one endpoint, as long as it lasts. `EtcdStore.watch` is the one that survives.
    public func watch<Value: Sendable>(
        _ body: (GRPCClientCall<EtcdWatchRequest, EtcdWatchResponse>) async throws -> Value
    ) async throws -> Value {
        try await stream(.watch, body)
    }
}
