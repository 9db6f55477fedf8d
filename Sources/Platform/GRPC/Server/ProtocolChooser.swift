import ApusPrimitives
import ApusResilience
import Logging
import NIOCore
import NIOSSL
import NIOTLS

/// A connection of a shared port until it is known what it speaks: by ALPN when there is TLS, by its first bytes when not. Then
/// it gives way to a `ServerConnection`, or to what the owner of the port put in the pipeline.
final class ProtocolChooser: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// What an HTTP/2 client sends first (RFC 9113, section 3.4).
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let core: ServerCore
    private let otherwise: @Sendable (any Channel) throws -> Void
    private let opened = TimeSource.continuous.now()
    private var received = ByteBuffer()
    private var isChosen = false
    private var deadline: Scheduled<Void>?

    init(core: ServerCore, otherwise: @escaping @Sendable (any Channel) throws -> Void) {
        self.core = core
        self.otherwise = otherwise
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(
            in: .nanoseconds(core.settings.handshakeTimeout.nanoseconds)
        ) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isChosen { return context.fireChannelRead(data) }
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        // With TLS the handshake tells, which comes before any bytes.
        guard core.sslContext == nil else { return }
        let view = received.readableBytesView
        guard view.starts(with: Self.preface.prefix(view.count)) else { return choose(context, isHTTP2: false) }
        if view.count >= Self.preface.count { choose(context, isHTTP2: true) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted(let name)? = event as? TLSUserEvent, !isChosen {
            let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
            guard name == "h2" || core.accepts(tls?.peerCertificate, of: context.channel) else {
                return context.close(promise: nil)
            }
            choose(context, isHTTP2: name == "h2", event: event)
        } else if event is ChannelShouldQuiesceEvent, !isChosen {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if isChosen { return context.fireErrorCaught(error) }
        core.logger.debug("a connection failed before it was known what it speaks", metadata: ["reason": "\(error)"])
        context.close(promise: nil)
    }

    private func choose(_ context: ChannelHandlerContext, isHTTP2: Bool, event: Any? = nil) {
        isChosen = true
        do {
            if isHTTP2 {
                try ServerConnection.serve(context.channel, core, opened: opened)
            } else {
                try otherwise(context.channel)
            }
        } catch {
            core.logger.error("a connection of the shared port has no pipeline", metadata: ["reason": "\(error)"])
            return context.close(promise: nil)
        }
        if let event { context.fireUserInboundEventTriggered(event) }
        if received.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(received))
            context.fireChannelReadComplete()
        }
        received = ByteBuffer()
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}
