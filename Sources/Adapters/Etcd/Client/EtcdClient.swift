import ApusChannels
import ApusEtcdAPI
import ApusGRPC
import ApusPrimitives
public import Logging

/// A client of a control plane that speaks etcd's v3 API: `apus server`, or etcd 3.4 and later.
///
///     try await EtcdClient.with(["http://127.0.0.1:2379"]) { client in
///         let response = try await client.range(.with { $0.key = Data("key".utf8) })
///     }
///
/// It holds one connection to one of its endpoints, and goes to the next when that one fails. A call that failed is made
/// again there when it may be: one that changes nothing always, one that changes something only where it surely was not
/// done, so that nothing happens twice.
///
/// Every call throws `GRPCError`, with etcd's code and text where a member refused.
public final class EtcdClient: Sendable {
    public let endpoints: [EtcdEndpoint]
    let settings: EtcdClientSettings
    let logger: Logger
    let connections: [GRPCClient]
    let ring: Locked<EndpointRing>
    let tokens: TokenKeeper

    /// - Parameter endpoints: `http://host:port` and whatever else `EtcdEndpoint` reads; one without a scheme uses TLS when
    ///   the settings have some.
    /// - Throws: `GRPCError` when there is none, one is not an endpoint, or TLS cannot be set up.
    public convenience init(
        _ endpoints: [String], settings: EtcdClientSettings = EtcdClientSettings(),
        logger: Logger = Logger(label: "apus.etcd.client")
    ) throws {
        let endpoints = try endpoints.map { text in
            guard let endpoint = EtcdEndpoint(text, usesTLS: settings.tls != nil) else {
                throw GRPCError(notSent: "'\(text)' is not an endpoint: it is written http://host:port")
            }
            return endpoint
        }
        guard !endpoints.isEmpty else { throw GRPCError(notSent: "a client needs an endpoint") }
        let connections = try endpoints.map { endpoint in
            do {
                return try GRPCClient(
                    [endpoint.address], settings: settings.connection(usesTLS: endpoint.usesTLS), logger: logger)
            } catch {
                throw GRPCError(notSent: "TLS cannot be set up", cause: error)
            }
        }
        self.init(endpoints, settings, logger, connections, TokenKeeper())
    }

    private init(
        _ endpoints: [EtcdEndpoint], _ settings: EtcdClientSettings, _ logger: Logger, _ connections: [GRPCClient],
        _ tokens: TokenKeeper
    ) {
        self.endpoints = endpoints
        self.settings = settings
        self.logger = logger
        self.connections = connections
        self.tokens = tokens
        let start = settings.startsAnywhere ? Int.random(in: endpoints.indices) : 0
        ring = Locked(EndpointRing(count: endpoints.count, start: start))
    }

    /// Runs `body` with a client, and closes it after that.
    public static func with<Value: Sendable>(
        _ endpoints: [String], settings: EtcdClientSettings = EtcdClientSettings(),
        logger: Logger = Logger(label: "apus.etcd.client"), _ body: (EtcdClient) async throws -> Value
    ) async throws -> Value {
        let client = try EtcdClient(endpoints, settings: settings, logger: logger)
        do {
            let value = try await body(client)
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    /// The same client, but for one of its endpoints alone: what is asked of a member, and not of the cluster.
    public func at(_ endpoint: EtcdEndpoint) -> EtcdClient {
        guard let index = endpoints.firstIndex(of: endpoint) else { preconditionFailure("\(endpoint) is not ours") }
        return EtcdClient([endpoint], settings, logger, [connections[index]], tokens)
    }

    /// The endpoint that calls go to now.
    public var currentEndpoint: EtcdEndpoint { endpoints[ring.withLock { $0.current }] }

    /// Runs tasks on the event loop of the connection in use, so that a call costs no hop between threads: for tasks that make
    /// one call after the other and compute little.
    public var taskExecutor: any TaskExecutor { connections[ring.withLock { $0.current }].taskExecutor }

    /// Takes no more calls, and waits a moment for those under way.
    public func close() async {
        await withDiscardingTaskGroup { group in
            for connection in connections { group.addTask { await connection.stop() } }
        }
    }
}

extension GRPCError {
    /// The caller's own mistake.
    init(notSent message: String, cause: (any Error)? = nil) {
        self.init(.invalidArgument, message, cause: cause)
        reach = .notSent
    }
}
