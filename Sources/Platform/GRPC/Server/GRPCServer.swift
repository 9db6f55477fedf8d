import ApusPrimitives
import ApusResilience
public import Logging
public import NIOCore
import NIOPosix
import NIOSSL
public import ServiceLifecycle

/// A gRPC server: HTTP/2 over TLS, or over TCP with prior knowledge.
///
///     let server = GRPCServer(services: [greeter], settings: GRPCServerSettings(port: 50051))
///     try await server.run()
public final class GRPCServer: Service {
    private let services: [GRPCService]
    private let settings: GRPCServerSettings
    private let middleware: [any GRPCServerMiddleware]
    private let otherwise: (@Sendable (any Channel) throws -> Void)?
    private let logger: Logger
    private let listening = Signal<SocketAddress>()
    private let hasRun = Locked(false)
    private let running = Locked<ServerCore?>(nil)

    /// - Parameters:
    ///   - middleware: sees every call, the first one first.
    ///   - otherwise: makes the port a shared one: it is called on the event loop of every connection that does not speak HTTP/2, and
    ///     puts handlers for what it does speak into its pipeline, HTTP/1.1 say. Without TLS a connection that does not begin with
    ///     HTTP/2's preface is such a one; with TLS one whose client chose another protocol than `h2` by ALPN, or none.
    ///     `http/1.1` is then preferred, since gRPC's clients offer `h2` alone. These connections count as others do. When the
    ///     server drains they get a `ChannelShouldQuiesceEvent`, and are closed when they do not end within `drainTimeout`. An
    ///     error that it throws closes the connection.
    public init(
        services: [GRPCService], settings: GRPCServerSettings = GRPCServerSettings(),
        middleware: [any GRPCServerMiddleware] = [], otherwise: (@Sendable (any Channel) throws -> Void)? = nil,
        logger: Logger = Logger(label: "apus.grpc.server")
    ) {
        self.services = services
        self.settings = settings
        self.middleware = middleware
        self.otherwise = otherwise
        self.logger = logger
    }

    /// Where the server listens; waits until it does.
    ///
    /// - Throws: what kept it from listening, `CancellationError`.
    public var boundAddress: SocketAddress {
        get async throws { try await listening.value }
    }

    /// Connections that are open now.
    public var connectionCount: Int { running.withLock { $0 }?.connectionCount ?? 0 }

    /// Serves until graceful shutdown or cancellation. A graceful shutdown announces itself to clients (GOAWAY) and lets calls end,
    /// for at most `drainTimeout`; a cancellation ends them. It returns when every handler has.
    ///
    /// - Throws: when the address cannot be listened on or TLS cannot be set up, and when it is run a second time.
    public func run() async throws {
        let isFirst = hasRun.withLock { hasRun in
            defer { hasRun = true }
            return !hasRun
        }
        guard isFirst else { throw GRPCError(.failedPrecondition, "a server runs once; make another one") }
        let own = settings.eventLoopGroup == nil
        let group =
            settings.eventLoopGroup ?? MultiThreadedEventLoopGroup(numberOfThreads: max(1, settings.threads))
        let outcome: Result<Void, any Error>
        do {
            try await serve(on: group)
            outcome = .success(())
        } catch {
            listening.fail(error)
            outcome = .failure(error)
        }
        if own { try? await group.shutdownGracefully() }
        try outcome.get()
    }

    private func serve(on group: any EventLoopGroup) async throws {
        let core = ServerCore(
            services: services, settings: settings, middleware: middleware, otherwise: otherwise, logger: logger,
            sslContext: try settings.tls.map { tls in
                var tls = tls
                tls.applicationProtocols = otherwise == nil ? ["h2"] : ["http/1.1", "h2"]
                return try NIOSSLContext(configuration: tls)
            })
        running.withLock { $0 = core }
        let channel = try await listen(on: group, core)
        if let address = channel.localAddress {
            listening.send(address)
            logger.info("gRPC server listens", metadata: ["address": "\(address)"])
        }
        let isGraceful = await Self.waitForTheEnd()
        try? await channel.close()
        if isGraceful {
            core.drain()
            let drainTimeout = settings.drainTimeout
            await withDiscardingTaskGroup { group in
                group.addTask {
                    // Cancelled when the last call ends in time, and by a cancellation of run().
                    try? await TimeSource.continuous.sleep(for: drainTimeout)
                    core.close()
                }
                await core.waitUntilEmpty()
                group.cancelAll()
            }
        } else {
            core.close()
            await core.waitUntilEmpty()
        }
    }

    /// True for a graceful shutdown, false for a cancellation.
    private static func waitForTheEnd() async -> Bool {
        do {
            try await gracefulShutdown()
            return !Task.isCancelled
        } catch {
            return false
        }
    }

    private func listen(on group: any EventLoopGroup, _ core: ServerCore) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 64 * 1024, high: 256 * 1024))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try ServerConnection.add(to: channel, core) }
            }
        if let path = settings.unixSocketPath {
            return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        }
        return
            try await bootstrap
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .bind(host: settings.host, port: settings.port).get()
    }
}

extension ServerConnection {
    /// Makes `channel` a connection of the server, or closes it when there are too many.
    static func add(to channel: any Channel, _ core: ServerCore) throws {
        guard core.admit(channel) else {
            channel.close(promise: nil)
            return
        }
        channel.closeFuture.whenComplete { _ in core.closed(channel) }
        if let context = core.sslContext {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
        }
        if let otherwise = core.otherwise {
            try channel.pipeline.syncOperations.addHandler(ProtocolChooser(core: core, otherwise: otherwise))
        } else {
            try serve(channel, core, opened: TimeSource.continuous.now())
        }
    }

    /// Takes calls on an admitted channel from now on.
    static func serve(_ channel: any Channel, _ core: ServerCore, opened: MonotonicTime) throws {
        let connection = ServerConnection(core: core, channel: channel, opened: opened)
        guard core.serves(channel, connection.door) else {
            channel.close(promise: nil)
            return
        }
        connection.admitted()
        try channel.pipeline.syncOperations.addHandler(connection)
    }
}
