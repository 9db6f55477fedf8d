import ApusPrimitives
import NIOCore
import NIOPosix
import TestSupport

/// A server that says its settings, and gives every call the same answer: frames, or the end of the connection.
final class FakeServer: Sendable {
    private let channel: any Channel
    struct Counts: Sendable {
        var calls = 0
        var dataBytes = 0
    }

    private let counts: Locked<Counts>

    private init(channel: any Channel, counts: Locked<Counts>) {
        self.channel = channel
        self.counts = counts
    }

    var port: Int { channel.localAddress!.port! }
    /// Calls that came.
    var calls: Int { counts.withLock { $0.calls } }
    /// Bytes of DATA that came; windows are never given back.
    var dataBytes: Int { counts.withLock { $0.dataBytes } }

    func stop() async {
        try? await channel.close()
    }

    /// - Parameter greetsAfter: how long it takes to say its settings.
    static func start(
        answer: [UInt8], closes: Bool, greetsAfter delay: TimeAmount = .zero
    ) async throws -> FakeServer {
        let counts = Locked(Counts())
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        FakeConnection(answer: answer, closes: closes, delay: delay, counts: counts))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return FakeServer(channel: channel, counts: counts)
    }
}

private final class FakeConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: [UInt8]
    private let closes: Bool
    private let delay: TimeAmount
    private let counts: Locked<FakeServer.Counts>
    private var received: [UInt8] = []
    private var answered = 0
    private var counted = 0

    init(answer: [UInt8], closes: Bool, delay: TimeAmount, counts: Locked<FakeServer.Counts>) {
        self.answer = answer
        self.closes = closes
        self.delay = delay
        self.counts = counts
    }

    func channelActive(context: ChannelHandlerContext) {
        let greeting = ByteBuffer(bytes: RawFrames.settings + RawFrames.settingsAck)
        guard delay > .zero else { return context.writeAndFlush(wrapOutboundOut(greeting), promise: nil) }
        let channel = context.channel
        context.eventLoop.scheduleTask(in: delay) { channel.writeAndFlush(greeting, promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received += unwrapInboundIn(data).readableBytesView
        let frames = RawFrames.parse(Array(received.dropFirst(RawFrames.preface.count)))
        let dataBytes = frames.reduce(0) { $0 + ($1.type == 0 ? $1.payload.count : 0) }
        counts.withLock { $0.dataBytes += dataBytes - counted }
        counted = dataBytes
        let calls = frames.count { $0.type == 1 }
        guard calls > answered else { return }
        counts.withLock { $0.calls += calls - answered }
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
