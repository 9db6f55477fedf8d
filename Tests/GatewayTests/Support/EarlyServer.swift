import NIOCore
import NIOPosix

/// A service that says one thing as soon as it has read anything, HTTP or not.
struct EarlyServer: Sendable {
    let port: Int
    private let channel: any Channel

    /// - Parameter closes: whether the connection is closed after the answer.
    static func start(_ answer: String, closes: Bool = false) async throws -> EarlyServer {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(EarlyHandler(answer: answer, closes: closes))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return EarlyServer(port: channel.localAddress?.port ?? 0, channel: channel)
    }

    func stop() async {
        try? await channel.close()
    }
}

private final class EarlyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: String
    private let closes: Bool
    private var answered = false

    init(answer: String, closes: Bool) {
        self.answer = answer
        self.closes = closes
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !answered else { return }
        answered = true
        context.writeAndFlush(NIOAny(ByteBuffer(string: answer)), promise: nil)
        if closes { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
