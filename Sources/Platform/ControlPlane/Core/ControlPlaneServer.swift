import ApusChannels
import ApusGRPC
import ApusKV
import ApusNode
import ApusPrimitives
import ApusRaft
public import Logging
public import NIOCore
import NIOPosix
public import ServiceLifecycle

/// One member of a control plane: it replicates keys, leases, users and members, and serves them by the etcd v3 API.
///
///     var settings = ControlPlaneSettings(dataFolder: "default.etcd")
///     try await ControlPlaneServer(settings).run()
public final class ControlPlaneServer: Service {
    let settings: ControlPlaneSettings
    private let logger: Logger
    private let clientURLs: [ServiceURL]
    private let peerURLs: [ServiceURL]
    private let metricsURLs: [ServiceURL]
    private let founded = Signal<ControlCore>()
    private let listening = Signal<SocketAddress>()

    /// - Throws: `ControlPlaneError` `.badSettings`.
    public init(
        _ settings: ControlPlaneSettings, logger: Logger = Logger(label: "apus.control-plane")
    ) throws(ControlPlaneError) {
        try settings.check()
        self.settings = settings
        self.logger = logger
        clientURLs = try settings.listenClientURLs.map { url throws(ControlPlaneError) in try ServiceURL(url) }
        metricsURLs = try settings.listenMetricsURLs.map { url throws(ControlPlaneError) in try ServiceURL(url) }
        peerURLs = try settings.listenPeerURLs.map { url throws(ControlPlaneError) in try ServiceURL(url) }
    }

    /// Where clients are served, on the first of the client URLs; waits until they are.
    ///
    /// - Throws: what kept it from listening, `CancellationError`.
    public var clientAddress: SocketAddress {
        get async throws { try await listening.value }
    }

    /// What the services are given; waits until the node is made.
    var core: ControlCore {
        get async throws { try await founded.value }
    }

    /// Serves until graceful shutdown: then calls end, another member leads, and the node stops. Once.
    ///
    /// - Throws: `ControlPlaneError`, `NodeError`; what kept it from listening.
    public func run() async throws {
        do {
            try await serve()
        } catch {
            founded.fail(error)
            listening.fail(error)
            throw error
        }
        let stopped = NodeError(.stopped, "the server has stopped")
        founded.fail(stopped)
        listening.fail(stopped)
    }

    private func serve() async throws {
        let plan = try await ClusterPlan.make(settings, logger: logger)
        let host = ClusterHost(plan)
        let storage = try await open(folder: "\(settings.dataFolder)/member")
        let tokens = AuthTokens(ttl: settings.authTokenTTL)
        let machine = ControlMachine(
            cluster: plan.founders, tokens: tokens, minimumLeaseTTLSeconds: settings.minimumLeaseTTLSeconds)
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let observer = MemberObserver(
            watches: WatchHub(eventLoop: eventLoop, identity: plan.identity, settings: settings),
            leases: LeaseKeeper(notices: machine.leaseNotices, logger: logger), memberID: plan.identity.memberID)
        let node = ReplicatedNode(
            NodeID(plan.identity.memberID), machine: machine, beginning: plan.beginning,
            storage: storage, transport: try transport(plan, host), settings: nodeSettings, observer: observer,
            eventLoop: eventLoop, logger: logger)
        observer.attach(node)
        host.attach(node)
        let core = ControlCore(
            node: node, observer: observer, settings: settings, identity: plan.identity, tokens: tokens,
            logger: logger)
        founded.send(core)
        let all = Self.services(core)
        let frontend = HTTPFrontend(core, services: all)
        let gate: [any GRPCServerMiddleware] = [CallMetrics(all), MemberGate(core: core)]
        let servers = clientURLs.map { server($0, all, gate, frontend, core.memory) }
        let watched = HTTPFrontend(core, services: nil)
        let metrics = metricsURLs.map { server($0, [], [], watched, core.memory) }
        var services: [any Service] = [
            node, core.leaderMonitor, AutoCompactor(core: core), Announcement(core: core),
            ClusterKeeper(core: core), CorruptionCheck(core: core),
        ]
        services += servers + metrics
        services +=
            [
                Listening(servers: servers + metrics, listening: listening), Upkeep(core: core),
            ] as [any Service]
        try await ServiceGroup(configuration: .init(services: services, logger: logger)).run()
    }

    private func open(folder: String) async throws -> DiskStorage {
        try await NIOThreadPool.singleton.runIfActive {
            try DiskStorage.open(folder: folder)
        }
    }

    private func transport(_ plan: ClusterPlan, _ host: ClusterHost) throws -> any NodeTransport {
        // One member alone has nobody to talk to, but listens for those who may be added.
        try TCPTransport(
            listeningOn: peerURLs[0].authority, and: peerURLs.dropFirst().map(\.authority),
            advertised: plan.advertisedPeer, cluster: plan.identity.clusterID.hex, settings: settings.peerConnections,
            about: { host.introduce($0) }, logger: logger)
    }

    private var nodeSettings: NodeSettings {
        var node = NodeSettings()
        node.ticks = .every(settings.heartbeatInterval)
        node.raft.electionTicks = settings.electionTicks
        node.timeoutTicks = max(1, Int(settings.requestTimeout / settings.heartbeatInterval))
        node.maximumCommandBytes = settings.maxRequestBytes + 1 << 16
        node.snapshotAfterBytes = settings.snapshotBytes
        return node
    }

    private func server(
        _ url: ServiceURL, _ services: [GRPCService], _ middleware: [any GRPCServerMiddleware],
        _ frontend: HTTPFrontend, _ memory: GRPCMemoryBudget
    ) -> GRPCServer {
        var server = GRPCServerSettings(host: url.host.isEmpty ? "0.0.0.0" : url.host, port: url.port)
        if url.isUnix { server.unixSocketPath = url.host }
        if url.scheme.isSecure {
            server.tls = settings.clientTLS
            server.acceptsClient = settings.acceptsClient
        }
        server.eventLoopGroup = MultiThreadedEventLoopGroup.singleton
        server.maxReceiveBytes = settings.maxRequestBytes + 512 << 10
        server.memory = memory
        server.maxConnections = settings.maxConnections
        server.minimumPingInterval = settings.minimumPingInterval
        server.keepaliveInterval =
            settings.keepaliveInterval == .zero ? .seconds(1 << 30) : settings.keepaliveInterval
        server.keepaliveTimeout = settings.keepaliveTimeout
        server.drainTimeout = .seconds(5)
        server.http2.maxConcurrentStreams = settings.maxConcurrentStreams
        return GRPCServer(
            services: services, settings: server, middleware: middleware, otherwise: { try frontend.configure($0) },
            logger: logger)
    }

    static func services(_ core: ControlCore) -> [GRPCService] {
        [
            .kv(core), .watch(core), .lease(core), .lock(core), .election(core), .auth(core), .cluster(core),
            .maintenance(core),
        ]
    }
}

/// Says where clients are served, as soon as all of the servers listen.
private struct Listening: Service {
    let servers: [GRPCServer]
    let listening: Signal<SocketAddress>

    func run() async throws {
        var first: SocketAddress?
        for server in servers {
            let address = try await server.boundAddress
            first = first ?? address
        }
        if let first { listening.send(first) }
        try await gracefulShutdown()
    }
}
