import ApusPrimitives
import NIOCore
import NIOPosix

/// Forwards connections to a port, and cuts all of them when it is told to.
final class Cutter: Sendable {
    private let server: any Channel
    private let open: Locked<[any Channel]>
    private let cutCount = Locked(0)

    var port: Int { server.localAddress!.port! }
    /// Connections that were cut.
    var cuts: Int { cutCount.withLock { $0 } }

    private init(server: any Channel, open: Locked<[any Channel]>) {
        self.server = server
        self.open = open
    }

    static func start(to port: Int) async throws -> Cutter {
        let open = Locked<[any Channel]>([])
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { inbound in
                ClientBootstrap(group: inbound.eventLoop)
                    .channelInitializer { outbound in
                        outbound.eventLoop.makeCompletedFuture {
                            try outbound.pipeline.syncOperations.addHandler(Forwarder(to: inbound))
                        }
                    }
                    .connect(host: "127.0.0.1", port: port).flatMap { outbound in
                        open.withLock { $0.append(inbound) }
                        return inbound.eventLoop.makeCompletedFuture {
                            try inbound.pipeline.syncOperations.addHandler(Forwarder(to: outbound))
                        }.flatMap { inbound.setOption(.autoRead, value: true) }
                    }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return Cutter(server: server, open: open)
    }

    func cut() {
        let channels = open.withLock { open in
            defer { open = [] }
            return open.filter(\.isActive)
        }
        cutCount.withLock { $0 += channels.count }
        for channel in channels { channel.close(promise: nil) }
    }

    func stop() async {
        try? await server.close()
        cut()
    }

    private final class Forwarder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let other: any Channel

        init(to other: any Channel) {
            self.other = other
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            other.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            other.close(promise: nil)
        }
    }
}
