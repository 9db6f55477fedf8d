import ApusPrimitives
import ApusResilience
import DequeModule
import NIOCore
import NIOSSL

/// The client's side of a connection.
// Safe: it is made and used on its event loop; other threads reach it by its door.
final class ClientConnection: HTTP2Driver, @unchecked Sendable {
    /// What a connection tells whoever made it, on its loop. In this order, each at most once.
    enum Change {
        /// The server has said its settings: calls may go.
        case ready
        /// The server ends it because it was pinged too often; may come before `goingAway`.
        case tooManyPings
        /// It takes no new calls.
        case goingAway
        case closed((any Error)?)
    }

    let settings: GRPCClientSettings
    private(set) var door: ClientDoor!
    private let onChange: (Change) -> Void
    /// By slot of the codec.
    private var calls: [ClientStream?] = []
    var waiting = Deque<ClientStream>()
    private var spare: [ClientPost] = []
    var templates: ClientTemplates
    private var clock: ClientClock
    private var isReady = false
    private var isGoingAway = false
    private var isOver = false
    private var failure: (any Error)?
    /// No call has an earlier deadline.
    var earliestDeadline = MonotonicTime.distantFuture

    init(
        settings: GRPCClientSettings, scheme: String, authority: String, channel: any Channel,
        onChange: @escaping (Change) -> Void
    ) {
        self.settings = settings
        self.onChange = onChange
        templates = ClientTemplates(scheme: scheme, authority: authority)
        clock = ClientClock(settings: settings, now: TimeSource.continuous.now())
        super.init(role: .client, configuration: settings.http2, channel: channel)
        door = ClientDoor(mailbox: Mailbox<ClientPost>(loop: loop) { [weak self] in self?.takePosts() })
    }

    // MARK: Events

    override func handle(_ event: HTTP2Event) {
        switch event {
        case .data(let stream, let bytes, let endStream): received(bytes, on: stream, endStream: endStream)
        case .headers(let stream, let headers, let endStream):
            if let call = call(stream) { responseBegan(call, headers, endStream: endStream) }
        case .trailers(let stream, let fields):
            if let call = call(stream) { responseEnded(call, fields) }
        case .closed(let stream, let reason): closed(stream, reason)
        case .writable(let stream):
            if let call = call(stream), let pipe = call.pipe {
                pipe.sent(isFull: false)
                send(call, pipe)
            }
        case .settingsChanged:
            if !isReady {
                isReady = true
                clock.idle(since: now)
                onChange(.ready)
            }
            startWaiting()
        case .ponged: clock.ponged()
        case .goingAway(_, let code, let debugData):
            if code == .enhanceYourCalm, String(buffer: debugData) == "too_many_pings" { onChange(.tooManyPings) }
            goingAway()
        case .drained: closeWhenWritten()
        case .failed(let failure):
            self.failure = self.failure ?? failure
            goingAway()
        case .informational, .pinged: break
        }
    }

    func call(_ stream: HTTP2Stream) -> ClientStream? {
        let slot = Int(stream.slot)
        guard slot < calls.count, let call = calls[slot], call.stream == stream else { return nil }
        return call
    }

    func opened(_ call: ClientStream, _ stream: HTTP2Stream) {
        let slot = Int(stream.slot)
        while calls.count <= slot { calls.append(nil) }
        calls[slot] = call
        clock.callBegan()
    }

    private func closed(_ stream: HTTP2Stream, _ reason: HTTP2CloseReason) {
        guard let call = call(stream) else { return }
        calls[Int(stream.slot)] = nil
        if call.phase != .over { call.finish(.failure(Self.error(for: reason, failure))) }
        if http2.openStreams == 0 { clock.idle(since: now) }
        startWaiting()
    }

    /// What the end of a stream without a status means (gRPC over HTTP/2, "Errors").
    private static func error(for reason: HTTP2CloseReason, _ failure: (any Error)?) -> GRPCError {
        switch reason {
        case .refused:
            GRPCError(.unavailable, "the server did not look at the call", reach: .refused)
        case .connectionLost:
            GRPCError(.unavailable, "the connection was lost", reach: .unknown, cause: failure)
        case .completed: GRPCError(.internalError, "the response ended without a status", reach: .answered)
        case .resetByUs(let failure):
            GRPCError(.internalError, "the server broke a rule of HTTP/2", reach: .unknown, cause: failure)
        case .resetByPeer(let code):
            switch code {
            case .cancel: GRPCError(.cancelled, "the server cancelled the call", reach: .unknown)
            case .enhanceYourCalm: GRPCError(.resourceExhausted, "the server asks to calm down", reach: .unknown)
            case .inadequateSecurity:
                GRPCError(.permissionDenied, "the transport is not secure enough", reach: .unknown)
            default: GRPCError(.internalError, "the server reset the call: \(code)", reach: .unknown)
            }
        }
    }

    // MARK: From other threads

    private func takePosts() {
        perform {
            var posts: [ClientPost] = []
            swap(&posts, &spare)
            door.mailbox.take(&posts)
            for post in posts { take(post) }
            posts.removeAll(keepingCapacity: true)
            swap(&posts, &spare)
        }
    }

    private func take(_ post: ClientPost) {
        switch post {
        case .start(let call): start(call)
        case .cancel(let call):
            // Whoever cancels before the start does it again after it.
            guard call.isStarted else { return }
            cancel(call, GRPCError(.cancelled, "the call was cancelled", cause: CancellationError()))
        case .outgoing(let call):
            if let pipe = call.pipe { send(call, pipe) }
        case .consumed(let call, let bytes):
            if let stream = call.stream { http2.consumed(bytes, on: stream) }
        case .drain:
            // Without a peer that has answered there is nobody to say goodbye to, and no call to wait for.
            guard isReady else { return channel.close(promise: nil) }
            goingAway()
            http2.shutDown()
        case .close:
            http2.close(.noError, "the client stops")
            if !isReady { channel.close(promise: nil) }
        }
    }

    // MARK: The end

    private func goingAway() {
        guard !isGoingAway else { return }
        isGoingAway = true
        onChange(.goingAway)
        let left = waiting
        waiting = []
        for call in left {
            call.finish(
                .failure(GRPCError(.unavailable, "the connection went away before the call was sent", reach: .notSent)))
        }
        if http2.openStreams == 0, !http2.hasEnded { http2.shutDown() }
    }

    override func ended() {
        guard !isOver else { return }
        isOver = true
        goingAway()
        // Calls that were posted while it ended are told so; nobody would take later ones.
        door.mailbox.close()
        takePosts()
        onChange(.closed(failure))
    }

    override func failed(_ error: any Error) {
        failure = failure ?? error
    }

    override func tlsCompleted(_ protocolName: String?, certificate: NIOSSLCertificate?) {
        if protocolName != "h2" {
            failure = GRPCError(.unavailable, "the server did not choose h2 by ALPN", reach: .notSent)
            http2.close(.http11Required, "no h2 by ALPN")
        }
    }

    // MARK: Time

    override func nextMoment() -> MonotonicTime? {
        // A connection that is being made neither idles nor is pinged.
        isReady ? min(clock.nextMoment(lastRead: lastRead), earliestDeadline) : earliestDeadline
    }

    override func timePassed() {
        if earliestDeadline <= now { endLateCalls() }
        guard isReady else { return }
        switch clock.tick(now: now, lastRead: lastRead, hasCalls: http2.openStreams > 0) {
        case .nothing: break
        case .ping(let opaque): http2.ping(opaque)
        case .shutDown: goingAway()
        case .close(let reason):
            failure = failure ?? GRPCError(.unavailable, reason, reach: .unknown)
            http2.close(.noError, reason)
        }
    }

    private func endLateCalls() {
        earliestDeadline = .distantFuture
        let late = GRPCError(.deadlineExceeded, "the deadline passed", reach: .unknown)
        for case let call? in calls + Array(waiting) where call.phase != .over {
            guard let deadline = call.head.deadline else { continue }
            if deadline.hasPassed(at: now) {
                cancel(call, late)
            } else {
                earliestDeadline = min(earliestDeadline, deadline.expires)
            }
        }
    }
}
