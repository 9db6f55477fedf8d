import ApusPrimitives
import ApusResilience
public import Logging
import NIOPosix
import NIOSSL
public import ServiceLifecycle

/// A gRPC client: many calls at once over one connection to each of its servers, made when a call wants it and again when it
/// was lost.
///
///     try await GRPCClient.with("127.0.0.1:50051") { client in
///         let reply: HelloReply = try await client.unary("hello.Greeter/SayHello", request)
///     }
///
/// Calls may be made before `run`, and wait for it if the resolver has to be asked.
public final class GRPCClient: Service {
    let core: ClientCore
    let interceptors: [any GRPCClientInterceptor]
    private let resolver: GRPCResolver
    private let logger: Logger
    private let hasRun = Locked(false)

    /// - Parameter interceptors: see every call, the first one first.
    /// - Throws: when TLS cannot be set up.
    public init(
        resolver: GRPCResolver, settings: GRPCClientSettings = GRPCClientSettings(),
        interceptors: [any GRPCClientInterceptor] = [], logger: Logger = Logger(label: "apus.grpc.client")
    ) throws {
        core = try ClientCore(
            settings: settings, group: settings.eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton)
        self.resolver = resolver
        self.interceptors = interceptors
        self.logger = logger
    }

    /// A client of endpoints that do not change.
    public convenience init(
        _ endpoints: [GRPCEndpoint], settings: GRPCClientSettings = GRPCClientSettings(),
        interceptors: [any GRPCClientInterceptor] = [], logger: Logger = Logger(label: "apus.grpc.client")
    ) throws {
        try self.init(
            resolver: .fixed(endpoints), settings: settings, interceptors: interceptors, logger: logger)
        core.update(endpoints)
    }

    /// Runs `body` with a client of `target` (`host:port`, or several with commas between), and stops it after that.
    ///
    /// - Throws: `GRPCError` when `target` is not that, and whatever `body` throws.
    public static func with<Value: Sendable>(
        _ target: String, settings: GRPCClientSettings = GRPCClientSettings(),
        interceptors: [any GRPCClientInterceptor] = [], _ body: (GRPCClient) async throws -> Value
    ) async throws -> Value {
        let endpoints = try target.split(separator: ",").map { text in
            guard let endpoint = GRPCEndpoint(String(text)) else {
                throw GRPCError(.invalidArgument, "'\(text)' is not host:port", reach: .notSent)
            }
            return endpoint
        }
        let client = try GRPCClient(endpoints, settings: settings, interceptors: interceptors)
        do {
            let value = try await body(client)
            await client.stop()
            return value
        } catch {
            await client.stop()
            throw error
        }
    }

    /// Runs tasks on the event loop of the client's connection, so that a call costs no hop between threads:
    ///
    ///     try await withTaskExecutorPreference(client.taskExecutor) { try await client.unary(…) }
    ///
    /// For tasks that make one call after the other and compute little: while one computes, the connection waits. With round
    /// robin it is the loop of some of the connections.
    public var taskExecutor: any TaskExecutor { core.executor }

    /// Follows the resolver until graceful shutdown or cancellation. A graceful shutdown lets calls end, for at most
    /// `drainTimeout`; a cancellation ends them.
    public func run() async throws {
        let isFirst = hasRun.withLock { hasRun in
            defer { hasRun = true }
            return !hasRun
        }
        guard isFirst else { throw GRPCError(.failedPrecondition, "a client runs once; make another one") }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.follow() }
            try? await gracefulShutdown()
            group.cancelAll()
        }
        if Task.isCancelled { core.close() }
        await stop()
    }

    /// Takes no more calls, and waits until those under way have ended, for at most `drainTimeout`.
    public func stop() async {
        core.drain()
        let drainTimeout = core.settings.drainTimeout
        await withDiscardingTaskGroup { group in
            group.addTask { [core] in
                try? await TimeSource.continuous.sleep(for: drainTimeout)
                core.close()
            }
            await core.waitUntilEmpty()
            group.cancelAll()
        }
    }

    private func follow() async {
        var random = SystemRandomNumberGenerator()
        var failures = 0
        while !Task.isCancelled {
            do {
                try await resolver.watch { [core] in core.update($0) }
                return
            } catch is CancellationError {
                return
            } catch {
                failures += 1
                logger.warning("gRPC resolver failed", metadata: ["reason": "\(error)"])
                let delay = core.settings.backoff.delay(afterFailures: failures, using: &random)
                try? await TimeSource.continuous.sleep(for: delay)
            }
        }
    }
}
