import ApusPrimitives
import ApusRaft
import Logging
import NIOCore

/// A connection that somebody opened to this node: a greeting first, then messages, one a frame. Whatever else comes on it
/// ends it, and only it.
final class IncomingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let hub: TCPHub
    private var frames = FrameReader(maximumBytes: Hello.maximumBytes)
    /// Set when the peer was let in.
    private(set) var hello: Hello?
    /// Grows from connection to connection.
    var arrival: UInt64 = 0
    private var received: [Message] = []
    private var calls: [PeerCall] = []
    private var deadline: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    init(hub: TCPHub) {
        self.hub = hub
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        guard hub.opened(self) else {
            let limit = hub.settings.maximumConnections
            return refuse(NodeError(.overloaded, "this node has \(limit) connections"))
        }
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: TimeAmount(hub.settings.handshakeTimeout)) {
            handler.value.close()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        frames.append(&bytes)
        do {
            if hello == nil { try hub.tls?.check(context) }
            while self.context != nil, let frame = try frames.next() {
                if let hello { try take(frame, from: hello) } else { try greet(frame) }
            }
        } catch {
            hub.rejected(peerName, "\(error)")
            if hello == nil { refuse(error) } else { close() }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !received.isEmpty {
            hub.events(.received(received))
            received = []
        }
        if !calls.isEmpty {
            hub.events(.called(calls))
            calls = []
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        hub.closed(self)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let reason = TCPTransportTLS.explain(error) { hub.rejected(peerName, reason) }
        close()
    }

    func close() {
        context?.close(promise: nil)
    }

    private func greet(_ frame: [UInt8]) throws {
        let hello = try Hello(decoding: frame)
        if let refusal = hub.refusal(of: hello) {
            throw refusal
        }
        self.hello = hello
        if hello.lane == .inquiry { return introduce() }
        deadline?.cancel()
        frames = frames.allowing(hub.settings.maximumFrameBytes)
        hub.greeted(self, hello)
        write(Welcome())
    }

    /// Within the time that a greeting may take.
    private func introduce() {
        guard let context, let about = hub.about else { return }
        write(Welcome())
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        about { bytes in
            handler.eventLoop.execute {
                guard let context = handler.value.context else { return }
                var buffer = context.channel.allocator.buffer(capacity: bytes.count + FrameReader.headerBytes)
                buffer.writeFrame(bytes)
                context.writeAndFlush(handler.value.wrapOutboundOut(buffer)).assumeIsolated().whenComplete { _ in
                    handler.value.close()
                }
            }
        }
    }

    private func take(_ frame: [UInt8], from hello: Hello) throws {
        if hello.lane == .inquiry { throw NodeError(.wrongPeer, "it says more than it was asked") }
        if hello.lane == .calls {
            let call = try PeerCall(decoding: frame)
            guard call.from == hello.from, call.to == hub.id else {
                throw NodeError(.wrongPeer, "a request from \(call.from) to \(call.to)")
            }
            return calls.append(call)
        }
        let message = try Message(decoding: frame)
        guard message.from == hello.from, message.to == hub.id else {
            throw NodeError(.wrongPeer, "a message from \(message.from) to \(message.to)")
        }
        received.append(message)
    }

    private func refuse(_ reason: any Error) {
        let error = reason as? NodeError
        write(Welcome(refusal: error?.message ?? "\(reason)", isRemoved: error?.code == .removed))
        close()
    }

    private func write(_ welcome: Welcome) {
        guard let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: 64)
        buffer.writeFrame(welcome.encoded())
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private var peerName: String {
        hello.map { "\($0.from)" } ?? context?.remoteAddress.map { "\($0)" } ?? "unknown"
    }
}
