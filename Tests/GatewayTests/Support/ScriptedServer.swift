import ApusCoordination
import ApusPrimitives
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A request as a service sees it.
struct SeenRequest: Sendable {
    var line: String
    var headers: [(name: String, value: String)]
    var body: [UInt8]
    /// Which connection it came on, counted from 0, and which request of that connection it is.
    var connection: Int
    var number: Int

    var path: String { String(line.split(separator: " ").dropFirst().first ?? "") }
    var method: String { String(line.split(separator: " ").first ?? "") }
    var bodyText: String { String(decoding: body, as: UTF8.self) }

    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name }?.value }
    func all(_ name: String) -> [String] { headers.filter { $0.name.lowercased() == name }.map(\.value) }
}

/// What a scripted service does about a request.
struct Reply: Sendable {
    enum After: Sendable { case keep, close, reset }

    var bytes: [UInt8]
    var after = After.keep
    /// Sent again and again after `bytes`, as fast as it is taken.
    var flood: (piece: ByteBuffer, times: Int)?

    static func raw(_ text: String, then after: After = .keep) -> Reply {
        Reply(bytes: Array(text.utf8), after: after)
    }

    static func ok(_ body: String, headers: String = "") -> Reply {
        raw("HTTP/1.1 200 OK\r\ncontent-length: \(body.utf8.count)\r\n\(headers)\r\n\(body)")
    }

    static func status(_ status: Int, headers: String = "") -> Reply {
        raw("HTTP/1.1 \(status) X\r\ncontent-length: 0\r\n\(headers)\r\n")
    }

    /// Says nothing and keeps the connection.
    static let silence = raw("")
    static let hangUp = raw("", then: .close)
}

/// A service on a real socket that does what a test tells it, HTTP or not.
final class ScriptedServer: Sendable {
    struct State {
        var requests: [SeenRequest] = []
        var accepted = 0
        var open: [ObjectIdentifier: any Channel] = [:]
        var flooded = 0
    }

    let id: String
    let port: Int
    private let state: Locked<State>
    private let channel: any Channel

    private init(id: String, channel: any Channel, state: Locked<State>) {
        self.id = id
        self.channel = channel
        self.state = state
        port = channel.localAddress?.port ?? 0
    }

    static func start(
        id: String = "one", port: Int = 0, _ respond: @escaping @Sendable (SeenRequest) -> Reply
    ) async throws -> ScriptedServer {
        let state = Locked(State())
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ScriptedHandler(state: state, respond: respond))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        return ScriptedServer(id: id, channel: channel, state: state)
    }

    var requests: [SeenRequest] { state.withLock { $0.requests } }
    var accepted: Int { state.withLock { $0.accepted } }
    var openConnections: Int { state.withLock { $0.open.count } }
    /// Bytes of floods that the kernel has taken.
    var flooded: Int { state.withLock { $0.flooded } }

    func instance(of service: String, weight: Int = 100) -> ServiceInstance {
        ServiceInstance(service: service, id: id, host: "127.0.0.1", port: port, weight: weight)
    }

    /// Ends as a killed process does: the listener and all connections at once.
    func kill() async {
        try? await channel.close()
        for open in state.withLock({ $0.open.values.map { $0 } }) { try? await open.close() }
    }
}

private final class ScriptedHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let state: Locked<ScriptedServer.State>
    private let respond: @Sendable (SeenRequest) -> Reply
    private var inbound: [UInt8] = []
    private var connection = 0
    private var number = 0
    private var flood: (piece: ByteBuffer, left: Int)?

    init(state: Locked<ScriptedServer.State>, respond: @escaping @Sendable (SeenRequest) -> Reply) {
        self.state = state
        self.respond = respond
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        connection = state.withLock { state in
            state.open[ObjectIdentifier(channel)] = channel
            state.accepted += 1
            return state.accepted - 1
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let channel = context.channel
        state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        inbound += Array(unwrapInboundIn(data).readableBytesView)
        while let (request, length) = Self.parse(inbound, connection: connection, number: number) {
            inbound.removeFirst(length)
            number += 1
            state.withLock { $0.requests.append(request) }
            let reply = respond(request)
            if !reply.bytes.isEmpty {
                context.writeAndFlush(NIOAny(ByteBuffer(bytes: reply.bytes)), promise: nil)
            }
            if let next = reply.flood {
                flood = (next.piece, next.times)
                pump(context)
            }
            switch reply.after {
            case .keep: break
            case .close: context.close(promise: nil)
            case .reset:
                _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                context.close(promise: nil)
            }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        pump(context)
    }

    private func pump(_ context: ChannelHandlerContext) {
        while let next = flood, context.channel.isWritable {
            flood = next.left > 1 ? (next.piece, next.left - 1) : nil
            let size = next.piece.readableBytes
            let state = state
            context.writeAndFlush(NIOAny(next.piece)).whenSuccess { state.withLock { $0.flooded += size } }
        }
    }

    /// Requests of the gateway are well-formed; a small parser will do.
    private static func parse(
        _ bytes: [UInt8], connection: Int, number: Int
    ) -> (SeenRequest, length: Int)? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let headers = lines.dropFirst().map { line in
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return (name: String(parts[0]), value: String(parts[1].drop { $0 == " " }))
        }
        var request = SeenRequest(
            line: String(lines[0]), headers: headers, body: [], connection: connection, number: number)
        var rest = bytes[end.upperBound...]
        if request.header("transfer-encoding") != nil {
            while let line = rest.firstRange(of: Array("\r\n".utf8)) {
                guard let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16) else {
                    return nil
                }
                rest = rest[line.upperBound...]
                guard rest.count >= size + 2 else { return nil }
                request.body += rest.prefix(size)
                rest = rest.dropFirst(size + 2)
                if size == 0 { return (request, rest.startIndex) }
            }
            return nil
        }
        let length = request.header("content-length").flatMap { Int($0) } ?? 0
        guard rest.count >= length else { return nil }
        request.body = Array(rest.prefix(length))
        return (request, rest.startIndex + length)
    }
}
