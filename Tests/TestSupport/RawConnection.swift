import ApusPrimitives
public import NIOCore
public import NIOPosix

/// A TCP connection on which a test writes exactly the bytes it wants, valid HTTP or not.
public final class RawConnection: Sendable {
    struct State {
        var received: [UInt8] = []
        /// How much of `received` earlier responses took.
        var consumed = 0
        var isClosed = false
    }

    let channel: any Channel
    let state: Locked<State>

    private init(channel: any Channel, state: Locked<State>) {
        self.channel = channel
        self.state = state
    }

    /// - Parameter reads: whether bytes are taken from the socket; false makes a client that never reads.
    public static func connect(
        host: String = "127.0.0.1", port: Int, reads: Bool = true,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> RawConnection {
        let state = Locked(State())
        let channel = try await ClientBootstrap(group: group)
            .channelOption(.autoRead, value: reads)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RawCollector(state: state))
                }
            }
            .connect(host: host, port: port).get()
        return RawConnection(channel: channel, state: state)
    }

    public func send(_ text: String) async throws {
        try await send(Array(text.utf8))
    }

    public func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }

    /// All bytes so far.
    public var received: [UInt8] { state.withLock { $0.received } }

    public var receivedText: String { String(decoding: received, as: UTF8.self) }

    /// Whether the other side has ended the connection.
    public var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Waits until the other side has ended the connection.
    public func waitUntilClosed(within limit: Duration = .seconds(10)) async throws {
        try await eventually(within: limit) { self.isClosed }
    }

    /// The next response, whole; interim ones (1xx other than 101) count as responses without a body.
    ///
    /// - Parameter isHead: the request was a HEAD: no body follows.
    /// - Throws: `NeverHeld` when it does not come whole, `RawResponse.Malformed` when it is not HTTP.
    public func response(isHead: Bool = false, within limit: Duration = .seconds(10)) async throws -> RawResponse {
        var response: RawResponse?
        try await eventually(within: limit) {
            response = try self.state.withLock { state in
                let rest = state.received[state.consumed...]
                guard let (next, length) = try RawResponse.parse(rest, isHead: isHead, ended: state.isClosed) else {
                    return nil
                }
                state.consumed += length
                return next
            }
            return response != nil
        }
        return response!
    }

    /// Ends the sending direction only.
    public func finishSending() async throws {
        try await channel.close(mode: .output)
    }

    public func close() async {
        try? await channel.close()
    }

    /// Connects, sends `text`, and reads the first response.
    public static func exchange(
        _ text: String, host: String = "127.0.0.1", port: Int, within limit: Duration = .seconds(10)
    ) async throws -> RawResponse {
        let connection = try await connect(host: host, port: port)
        do {
            try await connection.send(text)
            let response = try await connection.response(isHead: text.hasPrefix("HEAD "), within: limit)
            await connection.close()
            return response
        } catch {
            await connection.close()
            throw error
        }
    }
}

private final class RawCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let state: Locked<RawConnection.State>

    init(state: Locked<RawConnection.State>) {
        self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        state.withLock { $0.received.append(contentsOf: buffer.readableBytesView) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { state.withLock { $0.isClosed = true } }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        state.withLock { $0.isClosed = true }
        context.fireChannelInactive()
    }

    /// A reset ends the connection as well as a regular end does.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        state.withLock { $0.isClosed = true }
        context.close(promise: nil)
    }
}
