import NIOCore

/// A connection to an instance: takes one exchange at a time, and is kept between them.
final class UpstreamHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// No exchange; a byte that arrives now was not asked for.
        case idle
        case head
        case body
        case closed
    }

    /// A service may send this many interim responses before the real one.
    static let maxInterim = 16

    let endpoint: Endpoint
    /// When the connection was last handed back.
    var idleSince = NIODeadline.uptimeNanoseconds(0)
    private(set) var exchange: Exchange?
    private let worker: Worker
    private var phase = Phase.idle
    private var context: ChannelHandlerContext?
    private var output: Output?
    private var inbound = ByteBuffer()
    private var scanner = HeadScanner()
    private var head = ResponseHead()
    private var body = BodyDecoder.none
    private var answersHead = false
    private var interims = 0
    private var failed = false
    private var readHeld = false

    init(endpoint: Endpoint, worker: Worker) {
        self.endpoint = endpoint
        self.worker = worker
    }

    // MARK: For the exchange

    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// Whether the connection can carry another exchange.
    var isUsable: Bool { phase != .closed && context != nil }

    /// The exchange that this connection serves from now on.
    func begin(_ exchange: Exchange, answersHead: Bool) {
        self.exchange = exchange
        self.answersHead = answersHead
        phase = .head
        scanner = HeadScanner()
        interims = 0
    }

    func append(_ body: (inout ByteBuffer) -> Void) {
        output?.append(body)
    }

    func append(_ piece: ByteBuffer, chunked: Bool) {
        guard let context, let output, phase != .closed else { return }
        output.append(piece, chunked: chunked, to: context)
        if !context.channel.isWritable { worker.noteBuffered(context.channel, plus: output.pendingBytes) }
    }

    func flush() {
        guard let context, phase != .closed else { return }
        output?.flush(to: context)
    }

    /// The client takes more again.
    func resumeReading() {
        guard readHeld, let context else { return }
        readHeld = false
        context.read()
    }

    /// Ends the connection, and with it whatever the instance still does for the exchange.
    func close() {
        exchange = nil
        guard phase != .closed else { return }
        phase = .closed
        context?.close(promise: nil)
    }

    // MARK: From the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        output = Output(context.channel.allocator)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        output = nil
    }

    func read(context: ChannelHandlerContext) {
        if let exchange, !exchange.clientTakesMore {
            readHeld = true
        } else {
            context.read()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch phase {
        case .closed: return
        case .idle: return endIdle()
        case .head, .body: break
        }
        if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
        process()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        exchange?.flushToClient()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { exchange?.upstreamTakesMore() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failed = true
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let before = phase
        phase = .closed
        switch before {
        case .closed: break
        case .idle: endpoint.forget(self)
        case .head: take()?.upstreamLost(.closedBeforeResponse)
        case .body:
            if case .untilClose = body, !failed {
                take()?.responseEnded(keep: nil)
            } else {
                take()?.upstreamLost(.broken)
            }
        }
        worker.upstreamClosed()
    }

    // MARK: Reading the response

    private func process() {
        while true {
            switch phase {
            case .head: guard readHead() else { return }
            case .body: guard readBody() else { return }
            case .idle, .closed: return
            }
        }
    }

    /// - Returns: whether to go on.
    private func readHead() -> Bool {
        switch inbound.withUnsafeReadableBytes({ scanner.scan($0) }) {
        case .more:
            guard inbound.readableBytes <= worker.settings.maxResponseHeaderBytes else { return failExchange() }
            return false
        case .bareLineFeed:
            return failExchange()
        case .complete(let length):
            guard length <= worker.settings.maxResponseHeaderBytes, let bytes = inbound.readSlice(length: length),
                (try? head.parse(bytes, forHead: answersHead, maxFields: worker.settings.maxHeaderFields)) != nil
            else { return failExchange() }
        }
        scanner = HeadScanner()
        if head.isInterim {
            interims += 1
            guard head.status != 101, interims <= Self.maxInterim else { return failExchange() }
            return true
        }
        body = BodyDecoder(head.body)
        phase = .body
        exchange?.responseBegan(head)
        return true
    }

    private func readBody() -> Bool {
        do {
            switch try body.next(&inbound) {
            case .more: return false
            case .data(let piece): exchange?.responseContinued(piece)
            case .end: endResponse()
            }
        } catch {
            return failExchange()
        }
        return true
    }

    private func endResponse() {
        // Bytes after the response were not asked for; what they belong to is anybody's guess.
        let isClean = inbound.readableBytes == 0 && head.keepAlive
        inbound = ByteBuffer()
        head.reset()
        phase = .idle
        guard let exchange = take() else { return close() }
        exchange.responseEnded(keep: isClean ? self : nil)
        if !isClean { close() }
    }

    private func failExchange() -> Bool {
        let exchange = take()
        close()
        exchange?.upstreamLost(.broken)
        return false
    }

    /// Bytes on a kept connection: usually the instance saying that it closes it.
    private func endIdle() {
        endpoint.forget(self)
        close()
    }

    private func take() -> Exchange? {
        defer { exchange = nil }
        return exchange
    }
}
