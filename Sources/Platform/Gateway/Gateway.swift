public import ApusCoordination
public import ApusObservability
import ApusPrimitives
import ApusResilience
public import Logging
public import NIOCore
import NIOPosix
public import ServiceLifecycle

/// A reverse proxy for HTTP/1.1: takes the requests of the outside world to the instances of services.
///
/// Everything is streamed, in both directions, with bounded buffers. Requests that are safe to repeat are tried on another
/// instance when one fails; instances that keep failing are left out for a while. What the gateway answers itself, it
/// answers with a problem (RFC 9457). Besides the routes it answers `/livez`, `/readyz` and `/metrics`.
public final class Gateway: Service {
    private let core: GatewayCore
    private let listening = Signal<SocketAddress>()
    let serving = Locked<[NIOLoopBound<Worker>]>([])
    private let hasRun = Locked(false)

    /// - Parameters:
    ///   - directory: where the instances are; whoever makes it also runs it.
    ///   - metrics: shown under `/metrics`; without it, metrics go to the process's backend and `/metrics` is not there.
    ///   - health: more checks for `/readyz`.
    public convenience init(
        routes: [GatewayRoute], directory: ServiceDirectory, settings: GatewaySettings = GatewaySettings(),
        metrics: PrometheusRegistry? = ApusObservability.current, health: HealthRegistry = HealthRegistry(),
        logger: Logger
    ) {
        health.register("directory") {
            directory.freshness == .neverSynced ? .down("the list of instances has not been read yet") : .up
        }
        self.init(
            routes: routes, instances: { directory.instances(of: $0) }, settings: settings, metrics: metrics,
            health: health, logger: logger)
    }

    init(
        routes: [GatewayRoute], instances: @escaping @Sendable (String) -> [ServiceInstance],
        settings: GatewaySettings, metrics: PrometheusRegistry?, health: HealthRegistry, logger: Logger
    ) {
        core = GatewayCore(
            routes: routes, instances: instances, settings: settings, registry: metrics, health: health,
            logger: logger)
    }

    /// Where the gateway listens; waits until it does.
    ///
    /// - Throws: `GatewayError` when it cannot listen, `CancellationError`.
    public var boundAddress: SocketAddress {
        get async throws { try await listening.value }
    }

    /// Serves until graceful shutdown or cancellation. A graceful shutdown lets the exchanges in flight end, for at most
    /// `drainTimeout`; a cancellation ends them.
    ///
    /// - Throws: `GatewayError` when the address cannot be listened on, or when it is run a second time.
    public func run() async throws {
        let isFirst = hasRun.withLock { hasRun in
            defer { hasRun = true }
            return !hasRun
        }
        guard isFirst else {
            throw GatewayError(code: .alreadyRun, message: "a gateway runs once; make another one", cause: nil)
        }
        let own = core.settings.eventLoopGroup == nil
        let group =
            core.settings.eventLoopGroup
            ?? MultiThreadedEventLoopGroup(numberOfThreads: max(1, core.settings.threads))
        do {
            try await serve(on: group)
        } catch {
            listening.fail(error)
            if own { try? await group.shutdownGracefully() }
            throw error
        }
        if own { try? await group.shutdownGracefully() }
    }

    private func serve(on group: any EventLoopGroup) async throws {
        var workers: [NIOLoopBound<Worker>] = []
        for loop in group.makeIterator() {
            workers.append(
                try await loop.submit { [core] in
                    let worker = Worker(core: core, loop: loop)
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: loop)
                }.get())
        }
        serving.withLock { [workers] in $0 = workers }
        let server: any Channel
        do {
            server = try await listen(on: group, workers)
        } catch {
            await stop(workers)
            throw GatewayError(
                code: .cannotListen, message: "cannot listen on \(core.settings.host):\(core.settings.port)",
                cause: error)
        }
        if let address = server.localAddress {
            listening.send(address)
            core.logger.info("gateway listens", metadata: ["address": "\(address)"])
        }
        try? await gracefulShutdown()
        core.health.beginDraining()
        try? await server.close()
        await drain(workers)
        await stop(workers)
    }

    private func listen(on group: any EventLoopGroup, _ workers: [NIOLoopBound<Worker>]) async throws -> any Channel {
        let settings = core.settings
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.tcpOption(Worker.unsentLimit), value: .init(settings.highWaterBytes))
            .childChannelOption(
                .writeBufferWaterMark, value: .init(low: settings.lowWaterBytes, high: settings.highWaterBytes)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let worker = workers.first { $0.eventLoop === channel.eventLoop }
                    guard let worker else { throw ChannelError.ioOnClosedChannel }
                    try channel.pipeline.syncOperations.addHandler(ClientHandler(worker: worker.value))
                }
            }
            .bind(host: settings.host, port: settings.port).get()
    }

    /// Waits for the exchanges in flight.
    private func drain(_ workers: [NIOLoopBound<Worker>]) async {
        for worker in workers { await worker.perform { $0.drain() } }
        let end = ContinuousClock.now + core.settings.drainTimeout
        while core.connectionCount > 0, ContinuousClock.now < end {
            guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { return }
        }
    }

    private func stop(_ workers: [NIOLoopBound<Worker>]) async {
        for worker in workers { await worker.perform { $0.stop() } }
        serving.withLock { $0 = [] }
    }

    /// What is going on in all event loops, for tests.
    func snapshot() async -> GatewaySnapshot {
        var total = GatewaySnapshot()
        for worker in serving.withLock({ $0 }) {
            total = await worker.perform { [total] in total + GatewaySnapshot($0) } ?? total
        }
        return total
    }
}

extension NIOLoopBound where Value == Worker {
    /// Runs `body` on the worker's event loop; nil when that has ended.
    @discardableResult
    func perform<Result: Sendable>(_ body: @escaping @Sendable (Worker) -> Result) async -> Result? {
        try? await eventLoop.submit { body(self.value) }.get()
    }
}
