import NIOCore

/// The channel of a `PeerLink`: sends the greeting, waits for the answer, and says when it has ended. Nothing else is
/// received on it.
final class OutgoingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let link: PeerLink
    private var frames = FrameReader(maximumBytes: Hello.maximumBytes)
    private var isWelcome = false

    init(link: PeerLink) {
        self.link = link
    }

    func channelActive(context: ChannelHandlerContext) {
        link.connected(context.channel)
        var buffer = context.channel.allocator.buffer(capacity: 128)
        buffer.writeFrame(link.greeting.encoded())
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        frames.append(&bytes)
        do {
            while let frame = try frames.next() {
                guard !isWelcome else { throw NodeError(.wrongPeer, "it says more than it was asked") }
                let welcome = try Welcome(decoding: frame)
                try link.checkCertificate(context)
                if let refusal = welcome.refusal { return link.refused(refusal, isRemoved: welcome.isRemoved) }
                isWelcome = true
                link.welcomed(on: context.channel)
            }
        } catch {
            link.refused("\(error)")
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        link.ended(context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let reason = TCPTransportTLS.explain(error) { link.distrusted(reason) }
        context.close(promise: nil)
    }
}
