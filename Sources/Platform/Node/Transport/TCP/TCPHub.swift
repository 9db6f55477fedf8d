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
    let tls: TCPTransportTLS.Contexts?
    let about: TCPTransport.Introduction?
    let events: @Sendable (NodeTransportEvent) -> Void
    private(set) var address = ""
    private var servers: [any Channel] = []
    private var links: [NodeID: [Lane: PeerLink]] = [:]
    private var incoming: [ObjectIdentifier: IncomingHandler] = [:]
    private var removed: Set<NodeID> = []
    private var arrivals: UInt64 = 0
    private var logLimit = LogLimit()
    private var isStopped = false

    init(
        id: NodeID, cluster: String, settings: TCPTransportSettings, tls: TCPTransportTLS.Contexts?,
        about: TCPTransport.Introduction?, eventLoop: any EventLoop, logger: Logger,
        events: @escaping @Sendable (NodeTransportEvent) -> Void
    ) {
        self.id = id
        self.cluster = cluster
        self.settings = settings
        self.tls = tls
        self.about = about
        self.eventLoop = eventLoop
        self.logger = logger
        self.events = events
    }

    func listening(_ servers: [any Channel], address: String) {
        self.servers = servers
        self.address = address
    }

    func update(peers: [Member], removed: Set<NodeID>) {
        if isStopped { return }
        self.removed = removed
        // They come again, and are told.
        for handler in incoming.values where handler.hello.map({ removed.contains($0.from) }) == true {
            handler.close()
        }
        for (id, lanes) in links where !peers.contains(where: { $0 == lanes[.messages]?.peer }) {
            for link in lanes.values { link.close() }
            links[id] = nil
        }
        for peer in peers where links[peer.id] == nil {
            let lanes: [Lane: PeerLink] = [
                .messages: PeerLink(to: peer, lane: .messages, hub: self),
                .snapshots: PeerLink(to: peer, lane: .snapshots, hub: self),
                .calls: PeerLink(to: peer, lane: .calls, hub: self),
            ]
            links[peer.id] = lanes
            lanes[.messages]?.connect()
            lanes[.calls]?.connect()
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

    func send(_ call: PeerCall) -> Bool {
        links[call.to]?[.calls]?.send(call) ?? false
    }

    func stop() -> EventLoopFuture<Void> {
        isStopped = true
        for lanes in links.values {
            for link in lanes.values { link.close() }
        }
        links = [:]
        for handler in incoming.values { handler.close() }
        return EventLoopFuture.andAllComplete(servers.map { $0.close() }, on: eventLoop)
    }

    // MARK: Connections of others

    /// False: there are too many.
    func opened(_ handler: IncomingHandler) -> Bool {
        guard !isStopped else { return false }
        if incoming.count >= settings.maximumConnections {
            // So that those who say nothing keep no peer out.
            guard
                let idle = incoming.values.filter({ $0.hello == nil }).min(by: { $0.arrival < $1.arrival })
            else { return false }
            incoming[ObjectIdentifier(idle)] = nil
            idle.close()
        }
        arrivals += 1
        handler.arrival = arrivals
        incoming[ObjectIdentifier(handler)] = handler
        return true
    }

    /// A connection that ends because of what came on it.
    func rejected(_ peer: String, _ reason: String) {
        guard let suppressed = logLimit.admit() else { return }
        var metadata: Logger.Metadata = ["node": "\(id)", "peer": "\(peer)", "reason": "\(reason)"]
        if suppressed > 0 { metadata["notLogged"] = "\(suppressed)" }
        logger.warning("a connection is closed", metadata: metadata)
    }

    func closed(_ handler: IncomingHandler) {
        incoming[ObjectIdentifier(handler)] = nil
    }

    /// Why `hello` is not let in; nil when it is.
    func refusal(of hello: Hello) -> NodeError? {
        if hello.lane == .inquiry {
            return about == nil ? NodeError(.wrongPeer, "this node answers no inquiries") : nil
        }
        let reason: String
        if hello.cluster != cluster {
            reason = "this is cluster '\(cluster)', not '\(hello.cluster)'"
        } else if hello.to != id {
            reason = "this is node \(id), not node \(hello.to)"
        } else if hello.from == id {
            reason = "there are two nodes \(id)"
        } else if hello.from.rawValue == 0 {
            reason = "a node has a number other than 0"
        } else if removed.contains(hello.from) {
            return NodeError(.removed, "node \(hello.from) was removed from cluster '\(cluster)'")
        } else {
            return nil
        }
        return NodeError(.wrongPeer, reason)
    }

    /// A peer that connects again has lost its earlier connection, though this side may not know yet.
    func greeted(_ handler: IncomingHandler, _ hello: Hello) {
        if hello.lane == .inquiry { return }
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
