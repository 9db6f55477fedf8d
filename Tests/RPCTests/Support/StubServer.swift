import ApusCoordination
import ApusPrimitives
import NIOCore
import NIOHTTP1
import NIOPosix

/// A request as the called service sees it.
struct SeenCall: Sendable {
    let method: String
    let path: String
    let headers: HTTPHeaders
    var body: [UInt8] = []

    func header(_ name: String) -> String? { headers[name].first }
}

/// What a stub does about a request.
enum StubReply: Sendable {
    case answer(Int, headers: [(String, String)] = [], body: String = "")
    /// Takes the request and says nothing.
    case silence
    /// Takes the request and closes the connection.
    case hangUp

    static func json(_ body: String, status: Int = 200) -> StubReply {
        .answer(status, headers: [("content-type", "application/json")], body: body)
    }

    static func problem(_ status: Int, _ members: String = "", headers: [(String, String)] = []) -> StubReply {
        .answer(
            status, headers: [("content-type", "application/problem+json")] + headers,
            body: #"{"status":\#(status),"title":"Stub"\#(members)}"#)
    }
}

/// An HTTP server that a test scripts.
final class StubServer: Sendable {
    struct State {
        var calls: [SeenCall] = []
        var open: [ObjectIdentifier: any Channel] = [:]
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
        _ id: String, _ respond: @escaping @Sendable (SeenCall) -> StubReply
    ) async throws -> StubServer {
        let state = Locked(State())
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(StubHandler(state: state, respond: respond))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return StubServer(id: id, channel: channel, state: state)
    }

    /// An instance whose port nobody listens on.
    static func refusing(_ id: String) async throws -> ServiceInstance {
        let server = try await start(id) { _ in .silence }
        await server.close()
        return server.instance()
    }

    var calls: [SeenCall] { state.withLock { $0.calls } }
    var openConnections: Int { state.withLock { $0.open.count } }

    func instance(weight: Int = 100) -> ServiceInstance {
        ServiceInstance(service: "api", id: id, host: "127.0.0.1", port: port, weight: weight)
    }

    func close() async {
        try? await channel.close()
        for open in state.withLock({ Array($0.open.values) }) { try? await open.close() }
    }
}

private final class StubHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let state: Locked<StubServer.State>
    private let respond: @Sendable (SeenCall) -> StubReply
    private var call: SeenCall?

    init(state: Locked<StubServer.State>, respond: @escaping @Sendable (SeenCall) -> StubReply) {
        self.state = state
        self.respond = respond
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        state.withLock { $0.open[ObjectIdentifier(channel)] = channel }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let channel = context.channel
        state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): call = SeenCall(method: head.method.rawValue, path: head.uri, headers: head.headers)
        case .body(let buffer): call?.body += Array(buffer.readableBytesView)
        case .end:
            guard let call else { return }
            state.withLock { $0.calls.append(call) }
            switch respond(call) {
            case .silence: break
            case .hangUp: context.close(promise: nil)
            case .answer(let status, let headers, let body):
                var fields = HTTPHeaders(headers)
                fields.add(name: "content-length", value: String(body.utf8.count))
                let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: fields)
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
