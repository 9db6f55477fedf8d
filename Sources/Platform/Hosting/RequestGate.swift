import ApusObservability
import ApusRPC
import NIOCore
import NIOHTTP1

/// Guards one connection, between the HTTP decoder and the rest: bounds on what comes in, time limits, refusals in the one
/// error format, `Expect`, keep-alive, and an end that lets the client read the refusal.
///
/// What HTTP could do before a request exists is refused here. Once a handler works on a request, what goes wrong with its
/// body reaches the handler as a thrown `Problem`, and the handler's host answers.
final class RequestGate: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    struct Limits {
        let headerBytes: Int
        let targetBytes: Int
        let bodyBytes: Int
        let readTimeout: TimeAmount
        let idleTimeout: TimeAmount
        /// How long a client has to read a refusal while it still sends.
        let lingerTimeout = TimeAmount.seconds(2)
        /// How long an answer may still take when the client has ended its direction.
        let halfCloseGrace = TimeAmount.seconds(1)
    }

    /// What is coming in.
    enum Reading {
        /// Nothing of a next request. Left for `head` by its first byte.
        case idle
        /// A head that is not complete. Left for `body` by its end.
        case head
        /// A request whose head was passed on. Left for `idle` by its end.
        case body
        /// Whatever comes is thrown away until the connection ends. Never left.
        case discarding
    }

    let limits: Limits
    let control: ConnectionControl
    let onRefusal: @Sendable (Problem, TraceContext) -> Void

    var reading = Reading.idle
    var headBytes = 0
    var lineBytes = 0
    var sawRequestLine = false
    var bodyBytes = 0
    /// For each request whose answer is not complete, oldest first: whether the connection may be used again after it.
    var unanswered = CircularBuffer<Bool>(initialCapacity: 2)
    /// A refusal that waits for the answers before it.
    var refusal: Problem?
    var mustContinue = false
    var isDraining = false
    var answerHasBegun = false
    var inputEnded = false
    var isReadWanted = false
    var isFinishing = false

    var timer: Scheduled<Void>?
    var timerFires = NIODeadline.distantFuture
    var expires: NIODeadline?

    init(
        limits: Limits, control: ConnectionControl, onRefusal: @escaping @Sendable (Problem, TraceContext) -> Void
    ) {
        self.limits = limits
        self.control = control
        self.onRefusal = onRefusal
    }

    // MARK: Inbound

    func handlerAdded(context: ChannelHandlerContext) {
        // The first request has to begin within the time that a request may take.
        if context.channel.isActive { expire(in: limits.readTimeout, context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        expire(in: limits.readTimeout, context)
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .discarding = reading { return }
        switch unwrapInboundIn(data) {
        case .head(let head): receive(head, context)
        case .body(let buffer):
            bodyBytes += buffer.readableBytes
            if bodyBytes > limits.bodyBytes {
                fail(.payloadTooLarge(limit: limits.bodyBytes), context)
            } else {
                context.fireChannelRead(data)
            }
        case .end:
            reading = .idle
            if unanswered.isEmpty {
                expire(in: limits.idleTimeout, context)
            } else if context.channel.isWritable {
                // While the answer is made nothing is expected of the client.
                expires = nil
            } else {
                expire(in: limits.readTimeout, context)
            }
            context.fireChannelRead(data)
        }
    }

    private func receive(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        headBytes = 0
        sawRequestLine = false
        bodyBytes = 0
        if let problem = HeadCheck.problem(of: head, limits: limits) { return refuse(problem, context) }
        reading = .body
        unanswered.append(head.isKeepAlive)
        if head.version == .http1_1, head.headers.contains(name: "expect") {
            mustContinue = true
            continueIfDue(context)
        }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .discarding = reading { context.read() }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        isReadWanted = true
        context.read()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError else { return context.fireErrorCaught(error) }
        if case .discarding = reading { return }
        fail(HeadCheck.problem(of: error, limits: limits), context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as ChannelEvent where event == .inputClosed: inputClosed(context)
        case is ChannelShouldQuiesceEvent: isDraining = true
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func inputClosed(_ context: ChannelHandlerContext) {
        inputEnded = true
        if case .discarding = reading { return context.close(mode: .all, promise: nil) }
        if case .body = reading {
            control.clientWentAway()
            context.fireErrorCaught(ClientWentAway())
        } else if !unanswered.isEmpty {
            // It may have ended only its own direction, so a quick answer still goes out; but most that end have gone.
            let control = control
            context.eventLoop.scheduleTask(in: limits.halfCloseGrace) { control.clientWentAway() }
        }
        if unanswered.isEmpty { context.close(mode: .all, promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        control.clientWentAway()
        if case .body = reading { context.fireErrorCaught(ClientWentAway()) }
        reading = .discarding
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // A client that does not take its answer is given as long as one that does not send its request.
        if case .body = reading {
        } else if !unanswered.isEmpty {
            if context.channel.isWritable { expires = nil } else { expire(in: limits.readTimeout, context) }
        }
        context.fireChannelWritabilityChanged()
    }
}
