public import NIOCore

/// A service: its name, and its methods. Methods over raw bytes are here, those over messages of swift-protobuf in
/// `GRPCService+Messages.swift`.
///
///     let greeter = GRPCService("hello.Greeter") { service in
///         service.unary("SayHello") { (request: HelloRequest, _) in
///             HelloReply.with { $0.message = "Hello, \(request.name)!" }
///         }
///     }
public struct GRPCService: Sendable {
    enum Handler: Sendable {
        case onLoop(@Sendable (ByteBuffer, GRPCLoopCall) throws -> ByteBuffer)
        case deferred(@Sendable (ByteBuffer, GRPCRequestHead, GRPCAnswer) -> Void)
        case unary(@Sendable (ByteBuffer, GRPCServerCall) async throws -> ByteBuffer)
        case stream(
            @Sendable (GRPCMessages<ByteBuffer>, GRPCMessageWriter<ByteBuffer>, GRPCServerCall) async throws -> Void)
    }

    struct Method: Sendable {
        let name: String
        let handler: Handler
    }

    /// With its package: "hello.Greeter".
    public let name: String
    /// In the order in which they were added; of two with one name the later counts.
    private(set) var methods: [Method] = []

    public init(_ name: String, _ build: (inout GRPCService) -> Void) {
        self.name = name
        build(&self)
    }

    public var methodNames: [String] { methods.map(\.name) }

    /// A unary method that answers at once, on the event loop of its connection: the fastest form, for what neither waits nor
    /// computes for long.
    public mutating func onLoop(
        raw method: String, _ handler: @escaping @Sendable (ByteBuffer, GRPCLoopCall) throws -> ByteBuffer
    ) {
        methods.append(Method(name: method, handler: .onLoop(handler)))
    }

    /// A unary method that is answered later, by anybody, without a task: for what somebody else's event loop brings to an end.
    /// The handler runs on the event loop of the connection and must not wait. It is not told when the caller goes away.
    public mutating func deferred(
        raw method: String, _ handler: @escaping @Sendable (ByteBuffer, GRPCRequestHead, GRPCAnswer) -> Void
    ) {
        methods.append(Method(name: method, handler: .deferred(handler)))
    }

    /// A unary method.
    public mutating func unary(
        raw method: String, _ handler: @escaping @Sendable (ByteBuffer, GRPCServerCall) async throws -> ByteBuffer
    ) {
        methods.append(Method(name: method, handler: .unary(handler)))
    }

    /// A method with streams on both sides; the call ends with OK when the handler returns.
    public mutating func stream(
        raw method: String,
        _ handler:
            @escaping @Sendable (GRPCMessages<ByteBuffer>, GRPCMessageWriter<ByteBuffer>, GRPCServerCall) async throws
            -> Void
    ) {
        methods.append(Method(name: method, handler: .stream(handler)))
    }
}
