import ApusPrimitives
import NIOCore
import NIOPosix

/// A server that says its settings, and gives every call the same answer: frames, or the end of the connection.
final class FakeServer: Sendable {
    private let channel: any Channel
    private let count: Locked<Int>

    private init(channel: any Channel, count: Locked<Int>) {
        self.channel = channel
        self.count = count
    }

    var port: Int { channel.localAddress!.port! }
    /// Calls that came.
    var calls: Int { count.withLock { $0 } }

    func stop() async {
        try? await channel.close()
    }

    static func start(answer: [UInt8], closes: Bool) async throws -> FakeServer {
        let count = Locked(0)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        FakeConnection(answer: answer, closes: closes, count: count))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FakeServer(channel: channel, count: count)
    }
}

private final class FakeConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: [UInt8]
    private let closes: Bool
    private let count: Locked<Int>
    private var received: [UInt8] = []
    private var answered = 0

    init(answer: [UInt8], closes: Bool, count: Locked<Int>) {
        self.answer = answer
        self.closes = closes
        self.count = count
    }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(
            wrapOutboundOut(ByteBuffer(bytes: RawFrames.settings + RawFrames.settingsAck)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytesView
        let calls = RawFrames.parse(Array(received.dropFirst(RawFrames.preface.count))).count { $0.type == 1 }
        guard calls > answered else { return }
        count.withLock { $0 += calls - answered }
        answered = calls
        var bytes = answer
        // A reset names the stream that it is for.
        if bytes.count > 3, bytes[3] == 3 {
            bytes.replaceSubrange(5..<9, with: RawFrames.integer(UInt32(calls * 2 - 1)))
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        if closes { context.close(promise: nil) }
    }
}
