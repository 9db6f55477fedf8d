import ApusCoordination
import ApusPrimitives
import ApusResilience
import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What one event loop needs to serve: its view of the instances, its connections, its metrics. Never leaves its loop, so
/// nothing in it is locked.
final class Worker {
    /// What one read may bring.
    static let readBytes = 64 << 10
    /// The rest of a body up to this size is read and thrown away, so that the connection can be kept.
    static let maxDiscardedBytes = 64 << 10
    /// What a request line has beside its target.
    static let lineAllowance = 64
    /// Connections above the limit that may wait for their 503; others are closed at once.
    static let maxRefusals = 64
    /// The kernel's buffer for what an instance sends. NIO empties it whatever we ask for when the instance has closed,
    /// so it is a part of what one connection may cost.
    static let upstreamReceiveBytes = 256 << 10
    /// Bounds what the kernel holds for a slow peer beside what is on its way, which could otherwise be megabytes, and so
    /// shows early whether the peer takes anything.
    static let unsentLimit = NIOBSDSocket.Option(rawValue: TCP_NOTSENT_LOWAT)

    /// How often a client that takes its response slowly is looked at once its time is up.
    static let outputCheck = TimeAmount.milliseconds(250)

    enum Admission {
        case serve, refuse, drop
    }

    enum Decision {
        case forward(route: Int)
        case answer(OwnResponse)
        /// `/readyz` and `/metrics` take their time, elsewhere.
        case later(@Sendable () async -> OwnResponse)
    }

    let core: GatewayCore
    let loop: any EventLoop
    let metrics: GatewayMetrics
    let limits: ClientState.Limits
    let bodyTimeout: TimeAmount
    let stallTimeout: TimeAmount
    var random: SeededRandom
    private let sets: [EndpointSet]
    private let setOfRoute: [Int]
    private let upstreamIdle: TimeAmount
    private let unsafeReuse: TimeAmount
    private(set) var clients: [ClientHandler] = []
    private var faults: [RequestFault: OwnResponse] = [:]
    private var sweep: RepeatedTask?
    private(set) var isDraining = false
    private(set) var upstreams = 0
    /// The most bytes that ever waited for one peer.
    private(set) var peakBuffered = 0

    init(core: GatewayCore, loop: any EventLoop) {
        self.core = core
        self.loop = loop
        metrics = GatewayMetrics(core)
        let settings = core.settings
        limits = ClientState.Limits(settings)
        bodyTimeout = TimeAmount(settings.bodyTimeout)
        stallTimeout = TimeAmount(settings.stallTimeout)
        upstreamIdle = TimeAmount(settings.upstreamIdleTimeout)
        unsafeReuse = TimeAmount(settings.unsafeReuseLimit)
        var system = SystemRandomNumberGenerator()
        random = SeededRandom(seed: system.next())
        var names: [String] = []
        setOfRoute = core.routes.entries.map { entry in
            if let index = names.firstIndex(of: entry.route.service) { return index }
            names.append(entry.route.service)
            return names.count - 1
        }
        sets = names.map {
            EndpointSet(
                service: $0, ejection: settings.ejection, retryBudget: settings.retryBudget, instances: core.instances)
        }
    }

    var settings: GatewaySettings { core.settings }
    var routes: RouteTable { core.routes }
    var clientCount: Int { clients.count }
    var exchangeCount: Int { clients.count { $0.exchange != nil } }
    var instanceCount: Int { sets.reduce(0) { $0 + $1.endpoints.count } }
    var inFlight: Int { sets.reduce(0) { $0 + $1.endpoints.reduce(0) { $0 + $1.inFlight } } }
    var idleUpstreams: Int { sets.reduce(0) { $0 + $1.endpoints.reduce(0) { $0 + $1.idleCount } } }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        sweep = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in bound.value.closeIdle()
        }
    }

    private func closeIdle() {
        let limit = NIODeadline.now() - upstreamIdle
        for set in sets { set.closeIdle(since: limit) }
    }

    // MARK: Clients

    func opened(_ client: ClientHandler) -> Admission {
        client.position = clients.count
        clients.append(client)
        let count = core.connectionOpened()
        metrics.connections(count)
        if isDraining { return .drop }
        if count <= core.maxConnections { return .serve }
        return count <= core.maxConnections + Self.maxRefusals ? .refuse : .drop
    }

    func closed(_ client: ClientHandler) {
        guard clients.indices.contains(client.position), clients[client.position] === client else { return }
        let last = clients.removeLast()
        if last !== client {
            clients[client.position] = last
            last.position = client.position
        }
        metrics.connections(core.connectionClosed())
    }

    /// No new requests from now on: connections between requests are closed, others after their response.
    func drain() {
        isDraining = true
        for client in clients { client.drain() }
    }

    /// Ends everything that is left.
    func stop() {
        sweep?.cancel()
        for client in clients { client.context?.close(promise: nil) }
        for set in sets { set.removeAll() }
    }

    // MARK: Requests

    func route(_ head: RequestHead) throws(RequestFault) -> Decision {
        if head.isAsterisk { return .answer(.noContent) }
        let result: Result<Decision, RequestFault> = head.bytes.withUnsafeReadableBytes { bytes in
            do throws(RequestFault) {
                let raw = bytes[head.path]
                guard raw.count > 0 else {
                    return .success(decide(Self.root.withUnsafeBytes { route(head, $0, bytes) }, head))
                }
                guard let decoded = try RoutingPath.decode(raw) else {
                    return .success(decide(route(head, raw, bytes), head))
                }
                return .success(decide(decoded.withUnsafeBytes { route(head, $0, bytes) }, head))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    func response(to fault: RequestFault) -> OwnResponse {
        if let known = faults[fault] { return known }
        let response = OwnResponse(fault, settings: settings)
        faults[fault] = response
        return response
    }

    /// Answers when `body` has its result.
    func answer(_ client: ClientHandler, with body: @escaping @Sendable () async -> OwnResponse) {
        loop.makeFutureWithTask(body).assumeIsolated().whenSuccess { client.answered($0) }
    }

    func ended(_ exchange: Exchange, for client: ClientHandler, at now: NIODeadline) {
        let took = now - exchange.started
        metrics.ended(
            route: exchange.route, status: exchange.status, method: client.head.method, nanoseconds: took.nanoseconds)
        guard core.logger.logLevel <= .debug else { return }
        core.logger.debug("request", metadata: client.accessLog(exchange, took: took))
    }

    // MARK: Instances

    func endpoints(ofRoute route: Int) -> EndpointSet { sets[setOfRoute[route]] }

    /// How old a kept connection may be for a request that is safe to repeat, and for one that is not.
    func keptSince(_ now: NIODeadline) -> NIODeadline { now - upstreamIdle }
    func freshSince(_ now: NIODeadline) -> NIODeadline { now - min(unsafeReuse, upstreamIdle) }

    func record(
        _ endpoint: Endpoint, _ permit: OutlierPermit, _ outcome: OutlierDetector<ObjectIdentifier>.Outcome,
        in set: EndpointSet, at now: NIODeadline
    ) {
        for id in set.record(endpoint, permit, outcome, at: now) {
            metrics.ejected(service: set.service)
            core.logger.warning(
                "instance ejected", metadata: ["service": "\(set.service)", "instance": "\(id)"])
        }
    }

    func connect(to endpoint: Endpoint, for exchange: Exchange, within limit: TimeAmount) {
        let handler = UpstreamHandler(endpoint: endpoint, worker: self)
        let bound = NIOLoopBound(handler, eventLoop: loop)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(max(.milliseconds(1), min(limit, TimeAmount(settings.connectTimeout))))
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.tcpOption(Self.unsentLimit), value: .init(settings.highWaterBytes))
            .channelOption(.socketOption(.so_rcvbuf), value: .init(Self.upstreamReceiveBytes))
            .channelOption(
                .writeBufferWaterMark, value: .init(low: settings.lowWaterBytes, high: settings.highWaterBytes)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
        let connecting =
            endpoint.address.map { bootstrap.connect(to: $0) }
            ?? bootstrap.connect(host: endpoint.instance.host, port: endpoint.instance.port)
        connecting.assumeIsolated().whenComplete { result in
            switch result {
            case .success:
                self.upstreams += 1
                exchange.connected(handler)
            case .failure:
                exchange.notConnected()
            }
        }
    }

    func upstreamClosed() {
        upstreams -= 1
    }

    /// Called when a peer does not keep up.
    func noteBuffered(_ channel: any Channel, plus pending: Int) {
        let waiting = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        peakBuffered = max(peakBuffered, waiting + pending)
    }

    /// A new trace, for a request that came without one.
    func newTraceparent() -> String {
        func hex(_ value: UInt64) -> String {
            let digits = String(value | 1, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return "00-\(hex(random.next()))\(hex(random.next()))-\(hex(random.next()))-01"
    }

    private static let root: [UInt8] = [ASCII.slash]

    private func route(
        _ head: RequestHead, _ path: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer
    ) -> RouteTable.Match? {
        if head.method == .get || head.method == .head {
            if path.isExactly("/livez") || path.isExactly("/readyz") || path.isExactly("/metrics") { return nil }
        }
        return routes.match(path: path, method: bytes[head.methodSpan])
    }

    private func decide(_ match: RouteTable.Match?, _ head: RequestHead) -> Decision {
        switch match {
        case .route(let index): return .forward(route: index)
        case .methodNotAllowed(let allowed):
            metrics.refused(status: 405, method: head.method)
            return .answer(.methodNotAllowed(allowed))
        case .some(.none):
            metrics.refused(status: 404, method: head.method)
            return .answer(.notFound)
        case nil:
            let last = head.bytes.getBytes(at: head.bytes.readerIndex + Int(head.path.start) + 1, length: 1)?.first
            switch last {
            case UInt8(ascii: "l"): return .answer(.alive)
            case UInt8(ascii: "r"): return .later { [core] in await core.readiness() }
            default: return .later { [core] in core.exposition() }
            }
        }
    }
}
