import NIOCore
import NIOHTTP1
import NIOSSL

/// One HTTP/1.1 connection: gathers a request, has a task answer it, then takes the next.
final class HTTPConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        /// Waits for a request. To `receiving`.
        case idle
        /// A request comes. To `answering`, `refusing`.
        case receiving(HTTPRequestHead, ByteBuffer)
        /// A task answers. To `idle`, and to the end.
        case answering
        /// It was answered before it came whole; the rest is dropped until the connection closes.
        case refusing
    }

    private let limits: HTTPFrontend.Limits
    private let answer: @Sendable (HTTPRequest, HTTPReplier) async throws -> Void
    private var state = State.idle
    /// Of the request that is answered, or was last.
    private var number = 0
    private var keepsOpen = true
    private var task: Task<Void, Never>?
    private var timer: Scheduled<Void>?
    private var isSecure = false
    /// The server ends: no request after this one.
    private var isQuiescing = false

    /// - Parameter answer: answers a request, as its last act; when it throws the connection is closed.
    init(limits: HTTPFrontend.Limits, answer: @escaping @Sendable (HTTPRequest, HTTPReplier) async throws -> Void) {
        self.limits = limits
        self.answer = answer
    }

    func handlerAdded(context: ChannelHandlerContext) {
        isSecure = (try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)) != nil
        wait(limits.request, context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .idle): begin(head, context)
        case (.body(var part), .receiving(let head, var body)):
            guard body.readableBytes + part.readableBytes <= limits.bodyBytes else {
                return refuse(head, HTTPResponse.text(.payloadTooLarge, "request body too large\n"), context)
            }
            state = .idle
            body.writeBuffer(&part)
            state = .receiving(head, body)
        case (.end, .receiving(let head, let body)): answer(head, body, context)
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        wait(limits.request, context)
        if let length = head.headers.first(name: "content-length").flatMap(Int.init), length > limits.bodyBytes {
            return refuse(head, HTTPResponse.text(.payloadTooLarge, "request body too large\n"), context)
        }
        state = .receiving(head, ByteBuffer())
        if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
        }
    }

    private func refuse(_ head: HTTPRequestHead, _ response: HTTPResponse, _ context: ChannelHandlerContext) {
        state = .refusing
        var headers = response.headers
        headers.replaceOrAdd(name: "Content-Length", value: String(response.body.readableBytes))
        headers.replaceOrAdd(name: "Connection", value: "close")
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: response.status, headers: headers))),
            promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(response.body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        // Time to read the answer before the rest of the request is cut off.
        wait(.seconds(1), context)
    }

    private func answer(_ head: HTTPRequestHead, _ body: ByteBuffer, _ context: ChannelHandlerContext) {
        state = .answering
        timer?.cancel()
        let request = HTTPRequest(head: head, body: body, isSecure: isSecure, remote: context.channel.remoteAddress)
        let channel = context.channel
        let answer = answer
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        number += 1
        keepsOpen = head.isKeepAlive
        task = Task { [number] in
            var isWell = true
            do {
                try await answer(request, HTTPReplier(channel: channel, request: head))
            } catch {
                isWell = false
            }
            channel.eventLoop.execute { [isWell] in connection.value.answered(number, isWell, bound.value) }
        }
    }

    /// The end of an answer passes: the next request follows it at once when the client did not wait.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = unwrapOutboundIn(data), case .answering = state else {
            return context.write(data, promise: promise)
        }
        guard keepsOpen, !isQuiescing else {
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            let sent = promise ?? context.eventLoop.makePromise()
            sent.futureResult.whenComplete { _ in bound.value.close(promise: nil) }
            return context.write(data, promise: sent)
        }
        state = .idle
        wait(limits.idle, context)
        context.write(data, promise: promise)
    }

    private func answered(_ number: Int, _ isWell: Bool, _ context: ChannelHandlerContext) {
        guard number == self.number else { return }
        task = nil
        // An answer without its end cannot be told from a longer one.
        if case .answering = state, context.channel.isActive { return context.close(promise: nil) }
        if !isWell || isQuiescing { context.close(promise: nil) }
    }

    /// Closes the connection when nothing changes for so long.
    private func wait(_ limit: TimeAmount, _ context: ChannelHandlerContext) {
        timer?.cancel()
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: limit) { bound.value.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        task?.cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        task?.cancel()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        let isEnding = event is ChannelShouldQuiesceEvent
        isQuiescing = isQuiescing || isEnding
        if isEnding || event as? ChannelEvent == .inputClosed, task == nil { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
