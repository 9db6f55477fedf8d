import ApusPrimitives
import ApusRaft
import Logging
import NIOCore
import NIOPosix

/// The connection on which this node sends to one peer, and what it takes to have one again when it is lost.
final class PeerLink {
    /// `idle` until it is first needed; `connecting` to `open` or `waiting`; `open` to `waiting` when it is lost; `waiting` to
    /// `connecting` when its time has come; all to `closed`, for good.
    private enum State {
        case idle
        /// The greeting is part of it.
        case connecting(Scheduled<Void>?)
        case open(any Channel)
        case waiting(Scheduled<Void>)
        case closed
    }

    let peer: Member
    let lane: Lane
    private let hub: TCPHub
    private var state = State.idle
    private var channel: (any Channel)?
    private var failures = 0
    private var unsent = ByteBuffer()
    /// Given to the channel, and not taken by the system.
    private var queuedBytes = 0
    private var queuedSince = NIODeadline.now()
    private var lost: UInt64 = 0
    private var lastError: String?
    /// What somebody was told to correct.
    private var lastComplaint: String?
    private var isLossTold = false

    init(to peer: Member, lane: Lane, hub: TCPHub) {
        self.peer = peer
        self.lane = lane
        self.hub = hub
    }

    var status: TCPLinkStatus {
        let isConnected = if case .open = state { true } else { false }
        return TCPLinkStatus(
            peer: peer, isConnected: isConnected, queuedBytes: queuedBytes, lost: lost, lastError: lastError)
    }

    // MARK: Sending

    /// Takes a message to be flushed; false when something is there to be flushed already, or the message is lost.
    func add(_ message: Message) -> Bool {
        if case .open = state {
            let isFirst = unsent.readableBytes == 0
            return addToOpen(message.encoded()) && isFirst
        }
        if lane == .snapshots { connect() }
        // The first piece of a snapshot waits for its connection.
        guard case .connecting = state, lane == .snapshots, unsent.readableBytes == 0 else {
            lose()
            return false
        }
        unsent.writeFrame(message.encoded())
        return false
    }

    /// Sends at once; false when there is no connection, or no room in its queue.
    func send(_ call: PeerCall) -> Bool {
        guard case .open = state, addToOpen(call.encoded()) else { return false }
        flush()
        return true
    }

    /// False when it is lost.
    private func addToOpen(_ content: [UInt8]) -> Bool {
        let waiting = queuedBytes + unsent.readableBytes
        guard waiting == 0 || waiting + content.count <= hub.settings.maximumQueueBytes else {
            lose()
            closeIfStuck()
            return false
        }
        unsent.writeFrame(content)
        return true
    }

    func flush() {
        guard case .open(let channel) = state, unsent.readableBytes > 0, !closeIfStuck() else { return }
        if queuedBytes == 0 { queuedSince = .now() }
        let count = unsent.readableBytes
        queuedBytes += count
        let buffer = unsent
        unsent = ByteBuffer()
        channel.writeAndFlush(buffer).assumeIsolated().whenComplete { [self] _ in
            queuedBytes -= count
            queuedSince = .now()
            if queuedBytes == 0 { isLossTold = false }
        }
    }

    /// A connection on which nothing moves may be one to a machine that is gone.
    @discardableResult
    private func closeIfStuck() -> Bool {
        guard queuedBytes > 0, NIODeadline.now() - queuedSince >= TimeAmount(hub.settings.sendTimeout) else {
            return false
        }
        lastError = "nothing was taken for \(hub.settings.sendTimeout)"
        channel?.close(promise: nil)
        return true
    }

    private func lose() {
        lost += 1
        if isLossTold { return }
        isLossTold = true
        tellLoss()
    }

    private func tellLoss() {
        hub.events(lane == .calls ? .callsLost(peer.id) : .unreachable(peer.id))
    }

    // MARK: Connecting

    func connect() {
        switch state {
        case .idle: break
        case .connecting, .open, .waiting, .closed: return
        }
        guard let (host, port) = try? TCPTransport.parse(peer.address) else {
            return failed("'\(peer.address)' is not an address of the form host:port")
        }
        state = .connecting(nil)
        let link = NIOLoopBound(self, eventLoop: hub.eventLoop)
        ClientBootstrap(group: hub.eventLoop)
            .connectTimeout(TimeAmount(hub.settings.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls = link.value.hub.tls {
                        try channel.pipeline.syncOperations.addHandler(tls.clientHandler(for: host))
                    }
                    try channel.pipeline.syncOperations.addHandler(OutgoingHandler(link: link.value))
                }
            }
            .connect(host: host, port: port).assumeIsolated().whenFailure { [self] error in
                if case .connecting = state { failed("\(error)") }
            }
    }

    var greeting: Hello {
        Hello(cluster: hub.cluster, from: hub.id, to: peer.id, lane: lane, address: hub.address)
    }

    /// The connection is there, and the greeting on its way.
    func connected(_ channel: any Channel) {
        guard case .connecting = state else { return channel.close(promise: nil) }
        self.channel = channel
        let link = NIOLoopBound(self, eventLoop: hub.eventLoop)
        state = .connecting(
            hub.eventLoop.scheduleTask(in: TimeAmount(hub.settings.handshakeTimeout)) {
                link.value.lastError = "no answer to the greeting"
                link.value.channel?.close(promise: nil)
            })
    }

    func welcomed(on channel: any Channel) {
        guard case .connecting(let deadline) = state else { return channel.close(promise: nil) }
        deadline?.cancel()
        state = .open(channel)
        failures = 0
        lastError = nil
        lastComplaint = nil
        isLossTold = false
        flush()
    }

    func checkCertificate(_ context: ChannelHandlerContext) throws { try hub.tls?.check(context) }

    /// The peer is not who it should be, or does not want this node.
    func refused(_ reason: String, isRemoved: Bool = false) {
        if isRemoved { hub.events(.removed(by: peer.id, reason: reason)) }
        needsCorrection("a peer refuses this node", reason)
        channel?.close(promise: nil)
    }

    /// There is no TLS with the peer.
    func distrusted(_ reason: String) { needsCorrection("no TLS connection with a peer", reason) }

    /// As patient as can be, and logged once: somebody has to correct something.
    private func needsCorrection(_ what: Logger.Message, _ reason: String) {
        failures = 30
        // The other connections to the peer fail alike, and the same cause may show as an alert or as a lost connection.
        if lastComplaint != "\(what)", lane == .messages {
            lastComplaint = "\(what)"
            hub.logger.error(what, metadata: ["node": "\(hub.id)", "peer": "\(peer)", "reason": "\(reason)"])
        }
        lastError = reason
    }

    /// The connection, this one or an earlier one, has ended.
    func ended(_ channel: any Channel) {
        guard self.channel === channel else { return }
        self.channel = nil
        failed(lastError ?? "the connection ended")
    }

    private func failed(_ reason: String) {
        if case .closed = state { return }
        if case .connecting(let deadline) = state { deadline?.cancel() }
        lastError = reason
        unsent = ByteBuffer()
        let wait = backoff()
        failures += 1
        let link = NIOLoopBound(self, eventLoop: hub.eventLoop)
        state = .waiting(hub.eventLoop.scheduleTask(in: wait) { link.value.connectAgain() })
        isLossTold = true
        tellLoss()
    }

    private func connectAgain() {
        guard case .waiting = state else { return }
        state = .idle
        // Snapshots wait for the next piece.
        if lane != .snapshots { connect() }
    }

    /// Doubled with each failure, and up to a quarter longer by chance, so that nodes do not come back all at once.
    private func backoff() -> TimeAmount {
        let (least, most) = (hub.settings.minimumBackoff.nanoseconds, hub.settings.maximumBackoff.nanoseconds)
        let wait = failures < 30 ? min(most, least << Int64(failures)) : most
        return .nanoseconds(wait + Int64.random(in: 0...max(0, wait / 4)))
    }

    func close() {
        switch state {
        case .connecting(let deadline): deadline?.cancel()
        case .waiting(let retry): retry.cancel()
        case .idle, .open, .closed: break
        }
        state = .closed
        channel?.close(promise: nil)
    }
}
