import ApusPrimitives
import NIOCore
import NIOPosix

/// Takes a greeting, answers it, and reads nothing more.
struct SilentPeer {
    let channel: any Channel
    var port: Int { channel.localAddress!.port! }

    static func listen() async throws -> SilentPeer {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.socketOption(.so_rcvbuf), value: 8_192)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Greeter())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return SilentPeer(channel: channel)
    }

    func stop() async throws {
        try await channel.close()
    }

    private final class Greeter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelActive(context: ChannelHandlerContext) {
            var writer = ByteWriter()
            writer.write(raw: Array("ApusRaft".utf8))
            writer.write(1 as UInt8)
            writer.write(1 as UInt8)
            writer.write("")
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: frame(writer.bytes))), promise: nil)
        }
    }
}
