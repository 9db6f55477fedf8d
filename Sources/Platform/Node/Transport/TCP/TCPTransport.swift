import ApusChannels
import ApusPrimitives
public import ApusRaft
public import Logging
public import NIOCore
import NIOPosix

/// Connects nodes by TCP: a connection in each direction for messages, one for requests to the leader, and one more for snapshots
/// while there are any to send.
///
/// A connection begins with a greeting that names the cluster, both nodes and the version; whoever is not meant is refused, and
/// told why. Every frame has a checksum. A lost connection is opened again, with growing waits; what was under way is lost.
/// With `TCPTransportSettings.tls` it is encrypted, and peers show certificates; without, the network between the nodes has to be
/// one's own.
public final class TCPTransport: NodeTransport {
    let cluster: String
    let settings: TCPTransportSettings
    private let addresses: [(host: String, port: Int)]
    private let advertised: String?
    private let logger: Logger
    private let about: Introduction?
    private let bound = Signal<Member>()
    private let hub = Locked<NIOLoopBound<TCPHub>?>(nil)

    /// Makes what whoever is to join is told: bytes of the application's, at most `maximumFrameBytes`. Called on the event loop.
    public typealias Introduction = @Sendable (_ tell: @escaping @Sendable ([UInt8]) -> Void) -> Void

    /// - Parameters:
    ///   - address: where to listen, `host:port` or `[host]:port`; with port 0 a free one is taken.
    ///   - others: where to listen too.
    ///   - advertised: where peers find this node, when that is another address.
    ///   - cluster: a name that only the nodes of this cluster have.
    ///   - about: answers `TCPTransport.inquire`; without it, inquiries are refused.
    /// - Throws: `NodeError` `.invalidRequest` for what is no address.
    public init(
        listeningOn address: String, and others: [String] = [], advertised: String? = nil, cluster: String,
        settings: TCPTransportSettings = TCPTransportSettings(), about: Introduction? = nil,
        logger: Logger = Logger(label: "apus.node.tcp")
    ) throws {
        self.about = about
        addresses = try ([address] + others).map(Self.parse)
        self.advertised = advertised
        self.cluster = cluster
        self.settings = settings
        self.logger = logger
    }

    /// Where it listens, as soon as it does; of several addresses the first.
    ///
    /// - Throws: what `start` threw when it could not.
    public var boundAddress: String {
        get async throws { try await bound.value.address }
    }

    public func start(
        as id: NodeID, on eventLoop: any EventLoop, _ events: @escaping @Sendable (NodeTransportEvent) -> Void
    ) async throws {
        do {
            let tls = try settings.tls.map { try TCPTransportTLS.Contexts($0) }
            let hub = try await eventLoop.submit {
                NIOLoopBound(
                    TCPHub(
                        id: id, cluster: self.cluster, settings: self.settings, tls: tls, about: self.about,
                        eventLoop: eventLoop, logger: self.logger, events: events), eventLoop: eventLoop)
            }.get()
            let servers = try await listen(on: eventLoop, hub, tls)
            let (host, port) = addresses[0]
            let address =
                advertised
                ?? "\(host.contains(":") ? "[\(host)]" : host):\(servers[0].localAddress?.port ?? port)"
            try await eventLoop.submit { hub.value.listening(servers, address: address) }.get()
            self.hub.withLock { $0 = hub }
            bound.send(Member(id, at: address))
        } catch {
            let names = addresses.map { "\($0.host):\($0.port)" }.joined(separator: ", ")
            let failure = NodeError(.failed, "node \(id) cannot listen on \(names)", cause: error)
            bound.fail(failure)
            throw failure
        }
    }

    /// On all addresses, or on none.
    private func listen(
        on eventLoop: any EventLoop, _ hub: NIOLoopBound<TCPHub>, _ tls: TCPTransportTLS.Contexts?
    ) async throws -> [any NIOCore.Channel] {
        let bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(tls.serverHandler()) }
                    try channel.pipeline.syncOperations.addHandler(IncomingHandler(hub: hub.value))
                }
            }
        var servers: [any NIOCore.Channel] = []
        do {
            for (host, port) in addresses { servers.append(try await bootstrap.bind(host: host, port: port).get()) }
        } catch {
            for server in servers { try? await server.close() }
            throw error
        }
        return servers
    }

    public func update(peers: [Member], removed: Set<NodeID>) {
        hub.withLock { $0 }?.value.update(peers: peers, removed: removed)
    }

    public func send(_ call: PeerCall) -> Bool {
        hub.withLock { $0 }?.value.send(call) ?? false
    }

    public func send(_ messages: [Message]) {
        hub.withLock { $0 }?.value.send(messages)
    }

    public func stop() async {
        let stopped = hub.withLock { hub in
            defer { hub = nil }
            return hub
        }
        bound.fail(NodeError(.stopped, "the transport has stopped"))
        guard let stopped else { return }
        try? await stopped.eventLoop.flatSubmit { stopped.value.stop() }.get()
    }

    /// The connections to peers, in ascending order of peer.
    public var links: [TCPLinkStatus] {
        get async {
            guard let hub = hub.withLock({ $0 }) else { return [] }
            return (try? await hub.eventLoop.submit { hub.value.status }.get()) ?? []
        }
    }

    static func parse(_ address: String) throws -> (host: String, port: Int) {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]),
            (0...65_535).contains(port), colon > address.startIndex
        else { throw NodeError(.invalidRequest, "'\(address)' is not an address of the form host:port") }
        var host = address[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return (String(host), port)
    }
}

/// A look at the connection to one peer.
public struct TCPLinkStatus: Hashable, Sendable {
    public let peer: Member
    public let isConnected: Bool
    /// Bytes that wait to be sent.
    public let queuedBytes: Int
    /// Messages that were lost because there was no connection, or no room in its queue.
    public let lost: UInt64
    /// Why the last attempt to connect failed, or the last connection ended.
    public let lastError: String?
}
