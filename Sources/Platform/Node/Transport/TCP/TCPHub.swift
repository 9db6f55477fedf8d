import ApusPrimitives
import ApusRaft
import Logging
import NIOCore

/// All connections of one node; everything in it happens on its event loop.
final class TCPHub {
    let id: NodeID
    let cluster: String
    let settings: TCPTransportSettings
    let eventLoop: any EventLoop
    let logger: Logger
    let events: @Sendable (NodeTransportEvent) -> Void
    private(set) var address = ""
    private var server: (any Channel)?
    private var links: [NodeID: [Lane: PeerLink]] = [:]
    private var incoming: [ObjectIdentifier: IncomingHandler] = [:]
    private var isStopped = false

    init(
        id: NodeID, cluster: String, settings: TCPTransportSettings, eventLoop: any EventLoop, logger: Logger,
        events: @escaping @Sendable (NodeTransportEvent) -> Void
    ) {
        self.id = id
        self.cluster = cluster
        self.settings = settings
        self.eventLoop = eventLoop
        self.logger = logger
        self.events = events
    }

    func listening(_ server: any Channel, address: String) {
        self.server = server
        self.address = address
    }

    func update(peers: [Member]) {
        if isStopped { return }
        for (id, lanes) in links where !peers.contains(where: { $0 == lanes[.messages]?.peer }) {
            for link in lanes.values { link.close() }
            links[id] = nil
        }
        for peer in peers where links[peer.id] == nil {
            let lanes: [Lane: PeerLink] = [
                .messages: PeerLink(to: peer, lane: .messages, hub: self),
                .snapshots: PeerLink(to: peer, lane: .snapshots, hub: self),
            ]
            links[peer.id] = lanes
            lanes[.messages]?.connect()
        }
    }

    func send(_ messages: [Message]) {
        var touched: [PeerLink] = []
        for message in messages {
            let lane: Lane = if case .snapshot = message.body { .snapshots } else { .messages }
            guard let link = links[message.to]?[lane] else { continue }
            if link.add(message) { touched.append(link) }
        }
        for link in touched { link.flush() }
    }

    func stop() -> EventLoopFuture<Void> {
        isStopped = true
        for lanes in links.values {
            for link in lanes.values { link.close() }
        }
        links = [:]
        for handler in incoming.values { handler.close() }
        guard let server else { return eventLoop.makeSucceededVoidFuture() }
        return server.close().flatMapError { [eventLoop] _ in eventLoop.makeSucceededVoidFuture() }
    }

    // MARK: Connections of others

    /// False: there are too many.
    func opened(_ handler: IncomingHandler) -> Bool {
        guard !isStopped, incoming.count < settings.maximumConnections else { return false }
        incoming[ObjectIdentifier(handler)] = handler
        return true
    }

    func closed(_ handler: IncomingHandler) {
        incoming[ObjectIdentifier(handler)] = nil
    }

    /// Why `hello` is not let in; nil when it is.
    func refusal(of hello: Hello) -> String? {
        if hello.cluster != cluster { return "this is cluster '\(cluster)', not '\(hello.cluster)'" }
        if hello.to != id { return "this is node \(id), not node \(hello.to)" }
        if hello.from == id { return "there are two nodes \(id)" }
        if hello.from.rawValue == 0 { return "a node has a number other than 0" }
        return nil
    }

    /// A peer that connects again has lost its earlier connection, though this side may not know yet.
    func greeted(_ handler: IncomingHandler, _ hello: Hello) {
        for other in incoming.values
        where other !== handler && other.hello?.from == hello.from
            && other.hello?.lane == hello.lane
        {
            other.close()
        }
        if hello.lane == .messages { events(.met(Member(hello.from, at: hello.address))) }
    }

    var status: [TCPLinkStatus] {
        links.sorted { $0.key < $1.key }.compactMap { $0.value[.messages]?.status }
    }
}
