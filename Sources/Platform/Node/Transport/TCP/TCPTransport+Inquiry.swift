import ApusPrimitives
import ApusRaft
import NIOCore
import NIOPosix

extension TCPTransport {
    /// Asks a node what it tells those who are to join: which cluster it is in, say, and who its members are.
    ///
    /// - Parameter address: where the node listens for its peers.
    /// - Throws: `NodeError` `.wrongPeer` when it refuses or does not speak this protocol, `.timeout` when it does not answer
    ///   within the time for a connection and a greeting; what kept the connection from being made.
    public static func inquire(
        at address: String, settings: TCPTransportSettings = TCPTransportSettings()
    ) async throws -> [UInt8] {
        let (host, port) = try parse(address)
        let tls = try settings.tls.map { try TCPTransportTLS.Contexts($0) }
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = eventLoop.makePromise(of: [UInt8].self)
        let limit = settings.maximumFrameBytes
        let late = NodeError(.timeout, "\(address) does not say which cluster it is in", retry: .after(.seconds(1)))
        let timeout = eventLoop.scheduleTask(in: TimeAmount(settings.connectTimeout + settings.handshakeTimeout)) {
            answer.fail(late)
        }
        defer { timeout.cancel() }
        let connecting = ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(settings.connectTimeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(tls.clientHandler(for: host)) }
                    try channel.pipeline.syncOperations.addHandler(
                        InquiryHandler(answer: answer, limit: limit, tls: tls))
                }
            }
            .connect(host: host, port: port)
        connecting.whenFailure { error in
            if case ChannelError.connectTimeout = error { answer.fail(late) } else { answer.fail(error) }
        }
        defer { connecting.whenSuccess { $0.close(promise: nil) } }
        return try await answer.futureResult.get()
    }
}

/// The asking side: a greeting, then the welcome and one frame.
private final class InquiryHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: EventLoopPromise<[UInt8]>
    private let limit: Int
    private let tls: TCPTransportTLS.Contexts?
    private var frames = FrameReader(maximumBytes: Hello.maximumBytes)
    private var isWelcome = false

    init(answer: EventLoopPromise<[UInt8]>, limit: Int, tls: TCPTransportTLS.Contexts?) {
        self.tls = tls
        self.answer = answer
        self.limit = limit
    }

    func channelActive(context: ChannelHandlerContext) {
        let hello = Hello(cluster: "", from: NodeID(0), to: NodeID(0), lane: .inquiry, address: "")
        var buffer = context.channel.allocator.buffer(capacity: 64)
        buffer.writeFrame(hello.encoded())
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        frames.append(&bytes)
        do {
            while let frame = try frames.next() {
                if isWelcome { return answer.succeed(frame) }
                try tls?.check(context)
                if let refusal = try Welcome(decoding: frame).refusal { throw NodeError(.wrongPeer, refusal) }
                isWelcome = true
                frames = frames.allowing(limit)
            }
        } catch {
            answer.fail(error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.fail(NodeError(.wrongPeer, "the connection ended before the answer"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answer.fail(TCPTransportTLS.explain(error).map { NodeError(.wrongPeer, $0, cause: error) } ?? error)
        context.close(promise: nil)
    }
}
