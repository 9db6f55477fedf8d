import ApusPrimitives
import NIOCore
import NIOPosix

/// A client that takes from its socket only what a test tells it to, a little at a time.
struct SlowClient: Sendable {
    private struct State {
        var received = 0
        var end: [UInt8] = []
        var isClosed = false
    }

    private let channel: any Channel
    private let state: Locked<State>

    static func connect(port: Int) async throws -> SlowClient {
        let state = Locked(State())
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: false)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.socketOption(.so_rcvbuf), value: 8 << 10)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(state: state))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        return SlowClient(channel: channel, state: state)
    }

    func send(_ text: String) async throws {
        try await channel.writeAndFlush(ByteBuffer(string: text))
    }

    /// Takes one piece when there is one.
    func readSome() {
        channel.read()
    }

    /// Bytes so far.
    var received: Int { state.withLock { $0.received } }
    /// Whether the last bytes are `text`.
    func ends(with text: String) -> Bool { state.withLock { $0.end.ends(with: text.utf8) } }
    var isClosed: Bool { state.withLock { $0.isClosed } }

    func close() async {
        try? await channel.close()
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let state: Locked<State>

        init(state: Locked<State>) {
            self.state = state
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            state.withLock { state in
                state.received += bytes.readableBytes
                state.end = Array(bytes.readableBytesView.suffix(16))
            }
        }

        func channelInactive(context: ChannelHandlerContext) {
            state.withLock { $0.isClosed = true }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

extension Array where Element == UInt8 {
    fileprivate func ends(with other: String.UTF8View) -> Bool {
        suffix(other.count).elementsEqual(other)
    }
}
