import ApusPrimitives
import ApusResilience
import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// The server's side of a connection: takes calls from the codec, runs their handlers, and answers.
// Safe: it is made and used on its event loop; other threads reach it by its door.
final class ServerConnection: HTTP2Driver, @unchecked Sendable {
    let core: ServerCore
    private(set) var door: ServerDoor!
    let templates: ServerTemplates
    /// By slot of the codec.
    var calls: [ServerStream?] = []
    var peer: GRPCPeer
    var spare: [ServerPost] = []
    let executor: LoopExecutor?

    /// Bytes of requests that have not come whole.
    var heldBytes = 0
    /// What the server was told that this connection holds, in steps that are rare.
    private var saidBytes = 0
    /// Handlers that have not returned.
    var running = 0 { didSet { leaveWhenDone() } }
    private var isOver = false
    /// Itself, until the last handler has returned: its channel lets go of it when it closes.
    private var own: ServerConnection?

    var clock: ServerClock
    /// No call has an earlier deadline.
    var earliestDeadline = MonotonicTime.distantFuture

    init(core: ServerCore, channel: any Channel, opened: MonotonicTime) {
        self.core = core
        peer = GRPCPeer(address: channel.remoteAddress, certificate: nil)
        executor = core.settings.handlers == .eventLoop ? LoopExecutor(channel.eventLoop) : nil
        clock = ServerClock(settings: core.settings, now: opened)
        templates = ServerTemplates()
        super.init(role: .server, configuration: core.settings.http2, channel: channel)
        let mailbox = Mailbox<ServerPost>(loop: loop) { [weak self] in self?.takePosts() }
        door = ServerDoor(mailbox: mailbox)
        templates.register(&http2)
    }

    /// It belongs to the server now, until it leaves.
    func admitted() {
        own = self
    }

    // MARK: Events

    override func handle(_ event: HTTP2Event) {
        switch event {
        case .data(let stream, let bytes, let endStream): received(bytes, on: stream, endStream: endStream)
        case .headers(let stream, let headers, let endStream): begin(stream, headers, endStream: endStream)
        case .closed(let stream, let reason): closed(stream, reason)
        case .trailers(let stream, _):
            if let call = call(stream) { inputEnded(call) }
        case .writable(let stream):
            if let call = call(stream), let pipe = call.pipe {
                pipe.sent(isFull: false)
                send(call, pipe)
            }
        case .pinged:
            let hasSent = http2.hasSentOnStreams
            http2.hasSentOnStreams = false
            if clock.pinged(at: now, hasCalls: http2.openStreams > 0, hasSent: hasSent) {
                http2.close(.enhanceYourCalm, "too_many_pings")
            }
        case .ponged: clock.ponged()
        case .settingsChanged: clock.handshakeIsDone = true
        case .drained: closeWhenWritten()
        case .failed(let failure):
            if failure.code != .noError {
                core.logger.debug(
                    "gRPC connection failed",
                    metadata: ["peer": "\(peer.address.map(String.init(describing:)) ?? "?")", "reason": "\(failure)"])
            }
        case .informational, .goingAway: break
        }
    }

    func call(_ stream: HTTP2Stream) -> ServerStream? {
        let slot = Int(stream.slot)
        guard slot < calls.count, let call = calls[slot], call.stream.id == stream.id else { return nil }
        return call
    }

    private func closed(_ stream: HTTP2Stream, _ reason: HTTP2CloseReason) {
        guard let call = call(stream) else { return }
        calls[Int(stream.slot)] = nil
        release(call)
        if http2.openStreams == 0 { clock.idle(since: now) }
        guard call.phase != .closed else { return }
        let wasAnswered = call.phase == .answered
        call.phase = .closed
        if let pipe = call.pipe {
            pipe.failed(GRPCError(.cancelled, "the caller went away: \(reason)", reach: .unknown))
        }
        call.task?.cancel()
        if !wasAnswered { ended(call, GRPCError(.cancelled, "the caller went away: \(reason)")) }
    }

    // MARK: From other threads

    private func takePosts() {
        perform {
            var posts: [ServerPost] = []
            swap(&posts, &spare)
            door.mailbox.take(&posts)
            for post in posts { take(post) }
            posts.removeAll(keepingCapacity: true)
            swap(&posts, &spare)
        }
    }

    private func take(_ post: ServerPost) {
        switch post {
        case .answer(let call, let result):
            running -= 1
            core.settings.memory.add(-Self.counted(result))
            answer(call, result)
        case .outgoing(let call):
            if let pipe = call.pipe { send(call, pipe) }
        case .consumed(let call, let bytes): http2.consumed(bytes, on: call.stream)
        case .returned: running -= 1
        case .drain: http2.shutDown()
        case .close:
            http2.close(.noError, "the server stops")
        }
    }

    override func burstEnded() {
        let bytes = isOver ? 0 : (heldBytes + http2.queuedBytes) & ~(GRPCMemoryBudget.step - 1)
        guard bytes != saidBytes else { return }
        core.settings.memory.add(bytes - saidBytes)
        saidBytes = bytes
    }

    /// What an answer counts between its handler and this connection.
    static func counted(_ result: Result<ByteBuffer, any Error>) -> Int {
        guard case .success(let bytes) = result, bytes.readableBytes >= GRPCMemoryBudget.step else { return 0 }
        return bytes.readableBytes
    }

    // MARK: The end

    override func ended() {
        isOver = true
        burstEnded()
        leaveWhenDone()
    }

    private func leaveWhenDone() {
        guard isOver, running == 0 else { return }
        core.leave(channel)
        own = nil
    }

    override func failed(_ error: any Error) {
        core.logger.debug("gRPC connection failed", metadata: ["reason": "\(error)"])
    }

    // MARK: Time

    override func nextMoment() -> MonotonicTime? {
        min(clock.nextMoment(lastRead: lastRead), earliestDeadline)
    }

    override func timePassed() {
        if earliestDeadline <= now { endLateCalls() }
        switch clock.tick(now: now, lastRead: lastRead, hasCalls: http2.openStreams > 0) {
        case .nothing: break
        case .ping(let opaque): http2.ping(opaque)
        case .shutDown: http2.shutDown()
        case .close(let reason): http2.close(.noError, reason)
        }
    }

    private func endLateCalls() {
        earliestDeadline = .distantFuture
        for case let call? in calls where call.phase == .open {
            guard let deadline = call.head.deadline else { continue }
            if deadline.hasPassed(at: now) {
                call.task?.cancel()
                fail(call, GRPCError(.deadlineExceeded, "the deadline passed while the call was worked on"))
            } else {
                earliestDeadline = min(earliestDeadline, deadline.expires)
            }
        }
    }

    override func tlsCompleted(_ protocolName: String?, certificate: NIOSSLCertificate?) {
        guard protocolName == "h2" || protocolName == nil && core.sslContext == nil else {
            http2.close(.http11Required, "the client did not choose h2 by ALPN")
            return
        }
        guard core.accepts(certificate, of: channel) else {
            http2.close(.inadequateSecurity, "the certificate has none of the allowed names")
            return
        }
        peer = GRPCPeer(address: peer.address, certificate: certificate)
    }
}
