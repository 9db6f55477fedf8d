import ApusPrimitives
import NIOCore
import NIOPosix
import TestSupport

/// Passes bytes on, and counts them: what was really compressed shows on the wire only.
final class CountingProxy: Sendable {
    struct Counts: Sendable {
        var toServer = 0
        var toClient = 0
    }

    private let channel: any Channel
    private let counted: Locked<Counts>

    private init(channel: any Channel, counted: Locked<Counts>) {
        self.channel = channel
        self.counted = counted
    }

    var port: Int { channel.localAddress!.port! }

    func takeCounts() -> Counts {
        counted.withLock { counts in
            defer { counts = Counts() }
            return counts
        }
    }

    func stop() async {
        try? await channel.close()
    }

    /// - Parameter server: the port to which connections go.
    static func start(to server: Int) async throws -> CountingProxy {
        let counted = Locked(Counts())
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .channelInitializer { other in
                        other.eventLoop.makeCompletedFuture {
                            try other.pipeline.syncOperations.addHandler(
                                Relay(to: client) { count in counted.withLock { $0.toClient += count } })
                        }
                    }
                    .connect(host: "127.0.0.1", port: server)
                    .flatMapThrowing { other in
                        try client.pipeline.syncOperations.addHandler(
                            Relay(to: other) { count in counted.withLock { $0.toServer += count } })
                    }
                    .flatMap { client.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return CountingProxy(channel: channel, counted: counted)
    }
}

extension CountingProxy {
    /// Waits until so many pings, of 17 bytes each, have gone either way, or pongs; nothing else may be under way.
    func waitForPings(_ count: Int) async throws {
        _ = takeCounts()
        var seen = Counts()
        try await eventually {
            let counts = takeCounts()
            seen.toServer += counts.toServer
            seen.toClient += counts.toClient
            return seen.toServer >= count * 17 && seen.toClient >= count * 17
        }
    }
}

private final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let count: @Sendable (Int) -> Void

    init(to other: any Channel, count: @escaping @Sendable (Int) -> Void) {
        self.other = other
        self.count = count
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        count(bytes.readableBytes)
        other.writeAndFlush(bytes, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        other.close(promise: nil)
    }
}
