import ApusPrimitives
import ApusResilience
import NIOCore
import NIOSSL
import NIOTLS

/// Drives the codec of one connection on its event loop; what both sides have in common. A side overrides what it does with
/// events, posts and time.
///
/// Bytes that came together are read together and answered with one flush. Nothing is written while the transport does not
/// take bytes, and nothing is read while the codec has too much to write: so a peer that does not read stops us, and with us
/// whoever writes to it.
class HTTP2Driver: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    final var http2: HTTP2Connection
    final let channel: any Channel
    final let loop: any EventLoop
    private var context: ChannelHandlerContext?
    /// Set while events are handled or a burst is read: the flush comes at its end.
    private var isInBurst = false
    private var isClosing = false
    private var isTransportClosing = false
    private var isOver = false
    private var wantsRead = false
    private var wake: Scheduled<Void>?
    private var wakes = MonotonicTime.distantFuture

    /// The time of the burst that is being handled.
    final private(set) var now: MonotonicTime
    /// When the peer last sent something.
    final private(set) var lastRead: MonotonicTime

    init(role: HTTP2Role, configuration: HTTP2Configuration, channel: any Channel) {
        now = TimeSource.continuous.now()
        lastRead = now
        http2 = HTTP2Connection(role: role, configuration: configuration, now: now)
        self.channel = channel
        loop = channel.eventLoop
    }

    // MARK: For the sides

    /// The next thing that happened.
    func handle(_ event: HTTP2Event) {}
    /// The moment at which `timePassed` wants to be called.
    func nextMoment() -> MonotonicTime? { nil }
    func timePassed() {}
    /// What came together has been dealt with.
    func burstEnded() {}
    /// Called once, last of all.
    func ended() {}

    /// Runs `body`, which may use the codec, then handles what it caused and flushes once.
    final func perform(_ body: () -> Void) {
        guard !isInBurst else { return body() }
        now = TimeSource.continuous.now()
        isInBurst = true
        body()
        finishBurst()
    }

    /// Closes the connection when what waits is written.
    final func closeWhenWritten() {
        guard !isClosing else { return }
        isClosing = true
        if !isInBurst { perform {} }
    }

    /// TLS is up: what ALPN chose, and who the peer has proven to be.
    func tlsCompleted(_ protocolName: String?, certificate: NIOSSLCertificate?) {}

    // MARK: Channel

    final func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { perform {} }
    }

    final func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    private func end() {
        guard !isOver else { return }
        isOver = true
        // A transport that fails may leave a burst without its end.
        isInBurst = false
        perform { http2.transportClosed() }
        wake?.cancel()
        ended()
    }

    final func channelActive(context: ChannelHandlerContext) {
        perform {}
        context.fireChannelActive()
    }

    final func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !isInBurst {
            now = TimeSource.continuous.now()
            isInBurst = true
        }
        lastRead = now
        http2.receive(unwrapInboundIn(data), now: now)
        handleEvents()
    }

    final func channelReadComplete(context: ChannelHandlerContext) {
        finishBurst()
        context.fireChannelReadComplete()
    }

    final func read(context: ChannelHandlerContext) {
        if http2.wantsInput { context.read() } else { wantsRead = true }
    }

    final func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { perform {} }
        context.fireChannelWritabilityChanged()
    }

    final func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    final func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failed(error)
        context.close(promise: nil)
    }

    /// The transport failed: TLS, say.
    func failed(_ error: any Error) {}

    final func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
        if case .handshakeCompleted(let name)? = event as? TLSUserEvent {
            let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
            perform { tlsCompleted(name, certificate: tls?.peerCertificate) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func handleEvents() {
        while let event = http2.nextEvent() { handle(event) }
    }

    private func finishBurst() {
        handleEvents()
        var hasWritten = false
        if let context {
            while context.channel.isWritable, let output = http2.takeOutput() {
                context.write(wrapOutboundOut(output), promise: nil)
                hasWritten = true
                handleEvents()
            }
        }
        isInBurst = false
        burstEnded()
        if hasWritten { context?.flush() }
        if http2.hasEnded || isClosing && http2.outputBytes == 0 {
            closeTransport()
            return
        }
        if wantsRead, http2.wantsInput {
            wantsRead = false
            context?.read()
        }
        arm()
    }

    /// Writes what is left, says that nothing follows, and lets the peer end: bytes that it still sends would otherwise make the
    /// system throw away what it has not read of ours.
    private func closeTransport() {
        guard !isTransportClosing, let context else { return }
        isTransportClosing = true
        wake?.cancel()
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
        let channel = channel
        written.futureResult.whenComplete { _ in
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: Self.linger) { channel.close(promise: nil) }
        }
        let patience = http2.configuration.limits.stalledOutputTimeout.nanoseconds
        loop.scheduleTask(in: .nanoseconds(patience)) { channel.close(promise: nil) }
        context.read()
    }

    /// For the peer to take what was written last.
    private static let linger = TimeAmount.seconds(1)

    // MARK: Time

    private func arm() {
        var next = http2.nextDeadline ?? .distantFuture
        if let own = nextMoment() { next = min(next, own) }
        guard next < wakes else { return }
        wake?.cancel()
        wakes = next
        // Rounded up, because a loop that wakes too early would only wake again.
        let delay = TimeAmount.nanoseconds(max((next - now).nanoseconds, 0)) + .milliseconds(1)
        wake = loop.assumeIsolated().scheduleTask(in: delay) { [weak self] in self?.woken() }
    }

    private func woken() {
        wakes = .distantFuture
        perform {
            http2.tick(now: now)
            timePassed()
        }
    }
}
