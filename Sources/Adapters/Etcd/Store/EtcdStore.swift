public import ApusCoordination
import ApusEtcdAPI
import ApusGRPC
public import ApusKV
import ApusPrimitives
public import Logging
public import ServiceLifecycle
import SwiftProtobuf

/// A coordination store over the network: `apus server`, or etcd 3.4 and later.
///
///     try await EtcdStore.with(["http://127.0.0.1:2379"]) { store in
///         try await store.put("key", "value")
///     }
///
/// Reads, writes and leases work from `init` on. Watches come through `run`, over one stream for all of them; a call of
/// `watch` before it waits. Each survives the loss of the member that serves it: it goes on at another one, after the last
/// revision that it has seen.
///
/// A write whose answer was lost is not made again, for it may have happened: its error says so. One that surely did not
/// happen is made again, for as long as the client's settings let a call take.
public final class EtcdStore: CoordinationStore, Service {
    public let client: EtcdClient
    let watches: WatchHub
    private let logger: Logger

    public init(_ client: EtcdClient, logger: Logger = Logger(label: "apus.etcd.store")) {
        self.client = client
        self.logger = logger
        watches = WatchHub(client: client, logger: logger)
    }

    /// - Throws: `CoordinationError` `.invalidRequest`, as `EtcdClient.init`.
    public convenience init(
        _ endpoints: [String], settings: EtcdClientSettings = EtcdClientSettings(),
        logger: Logger = Logger(label: "apus.etcd.store")
    ) throws {
        do {
            self.init(try EtcdClient(endpoints, settings: settings, logger: logger), logger: logger)
        } catch let error as GRPCError {
            throw CoordinationError(error, isWrite: false)
        }
    }

    /// Runs a store for as long as `body` takes, and closes its connections after that.
    public static func with<Value: Sendable>(
        _ endpoints: [String], settings: EtcdClientSettings = EtcdClientSettings(),
        logger: Logger = Logger(label: "apus.etcd.store"), _ body: @Sendable (EtcdStore) async throws -> Value
    ) async throws -> Value {
        let store = try EtcdStore(endpoints, settings: settings, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            let outcome: Result<Value, any Error>
            do { outcome = .success(try await body(store)) } catch { outcome = .failure(error) }
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
            return try outcome.get()
        }
    }

    /// Serves the watches until graceful shutdown or cancellation, and closes the connections. End it after whoever uses it.
    public func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.watches.run() }
        } catch is CancellationError {}
        await client.close()
        try Task.checkCancellation()
    }

    public func range(_ request: RangeRequest) async throws -> RangeResponse {
        RangeResponse(try await read { try await $0.range(EtcdRangeRequest(request.onWire)) })
    }

    public func put(_ request: PutRequest) async throws -> PutResponse {
        PutResponse(try await write { try await $0.put(EtcdPutRequest(request)) })
    }

    public func delete(_ request: DeleteRangeRequest) async throws -> DeleteRangeResponse {
        DeleteRangeResponse(try await write { try await $0.deleteRange(EtcdDeleteRangeRequest(request.onWire)) })
    }

    public func txn(_ request: TxnRequest) async throws -> TxnResponse {
        let message = EtcdTxnRequest(request.onWire)
        let response = try await call(isWrite: !message.isReadOnly) { try await $0.txn(message) }
        do {
            return try TxnResponse(response)
        } catch {
            throw CoordinationError(.unavailable, "an answer that is none: \(error)", mayHaveHappened: true)
        }
    }

    public func grantLease(ttlSeconds: Int64) async throws -> LeaseGrant {
        // Etcd would grant its shortest.
        guard ttlSeconds >= 1 else {
            throw CoordinationError(.invalidRequest, "a lease of \(ttlSeconds) seconds: it must be at least 1")
        }
        let response = try await write { try await $0.leaseGrant(.with { $0.ttl = ttlSeconds }) }
        return LeaseGrant(id: LeaseID(response.id), ttlSeconds: response.ttl)
    }

    public func keepAlive(_ lease: LeaseID) async throws -> Int64 {
        let response = try await read { try await $0.leaseKeepAlive(.with { $0.id = lease.rawValue }) }
        guard response.ttl > 0 else { throw CoordinationError(.leaseNotFound, "the lease \(lease) is not there") }
        return response.ttl
    }

    public func revokeLease(_ lease: LeaseID) async throws {
        _ = try await write { try await $0.leaseRevoke(.with { $0.id = lease.rawValue }) }
    }

    public func compact(at revision: Revision) async throws {
        _ = try await write { try await $0.compact(.with { $0.revision = revision.rawValue }) }
    }

    public func watch(_ request: WatchRequest) async throws -> CoordinationWatch {
        guard !request.range.isEmpty else {
            throw CoordinationError(.invalidRequest, "a watch on an empty range")
        }
        return try await watches.watch(request)
    }

    // MARK: Errors

    private func read<Value: Sendable>(_ body: (EtcdClient) async throws -> Value) async throws -> Value {
        try await call(isWrite: false, body)
    }

    private func write<Value: Sendable>(_ body: (EtcdClient) async throws -> Value) async throws -> Value {
        try await call(isWrite: true, body)
    }

    private func call<Value: Sendable>(
        isWrite: Bool, _ body: (EtcdClient) async throws -> Value
    ) async throws -> Value {
        do {
            return try await body(client)
        } catch let error as GRPCError {
            if error.code == .cancelled { try Task.checkCancellation() }
            throw CoordinationError(error, isWrite: isWrite)
        }
    }
}
