import ApusCoordination
import NIOCore

/// A client's connection: reads requests strictly one after the other, and writes their responses in that order.
final class ClientHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let worker: Worker
    /// Where this handler is in the worker's list.
    var position = 0
    var head = RequestHead()
    var exchange: Exchange?
    var state: ClientState
    var output: Output?
    var context: ChannelHandlerContext?
    /// Whether the head of a response has been written that is not complete.
    var responseBegun = false
    /// The trace that is begun for the request at hand, the same one for all its attempts; nil when it has one.
    private(set) var newTrace: String?
    var outputIsShut = false
    private(set) var address = "unknown"
    private var inbound = ByteBuffer()
    private var scanner = HeadScanner()
    private var body = BodyDecoder.none
    private var bodyBytes = 0
    private var isProcessing = false
    private var readHeld = false
    private var unsentWatch = UnsentWatch()
    private var timer: Scheduled<Void>?
    private var timerDue = NIODeadline.distantFuture

    init(worker: Worker) {
        self.worker = worker
        state = ClientState(limits: worker.limits, at: .now())
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: From the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        output = Output(context.channel.allocator)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        output = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        address = context.remoteAddress?.ipAddress ?? "unknown"
        switch worker.opened(self) {
        case .serve: armTimer()
        case .refuse: respond(.tooManyConnections)
        case .drop: context.close(promise: nil)
        }
    }

    func read(context: ChannelHandlerContext) {
        if takesMore { context.read() } else { readHeld = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard state.phase != .lingering, state.phase != .closed else { return }
        if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
        process()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        exchange?.flushToUpstream()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        exchange?.clientTakesMoreAgain()
        process()
        requestTakesMore()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        state.closed()
        timer?.cancel()
        timer = nil
        let exchange = exchange
        self.exchange = nil
        // 499 is what nginx logs for a client that did not wait.
        exchange?.abandon(status: 499)
        inbound = ByteBuffer()
        worker.closed(self)
    }

    // MARK: Reading requests

    /// Whether more of what the client sends can be taken in. Reading goes on while a response is awaited, since only
    /// that shows that the client went away; what it sends ahead is bounded.
    private var takesMore: Bool {
        switch state.phase {
        case .idle, .head: isWritable
        case .body: !(exchange?.holdsRequest ?? false)
        case .waiting: inbound.readableBytes < worker.settings.maxPipelinedBytes
        case .discarding, .lingering: true
        case .closed: false
        }
    }

    /// Something that reading waited for has changed.
    func requestTakesMore() {
        guard readHeld, takesMore, let context else { return }
        readHeld = false
        context.read()
    }

    /// Takes out of the input all that can be taken now.
    func process() {
        guard !isProcessing else { return }
        isProcessing = true
        defer { isProcessing = false }
        while true {
            switch state.phase {
            case .idle, .head: guard isWritable, readHead() else { return finishProcessing() }
            case .body, .discarding: guard readBody() else { return finishProcessing() }
            case .waiting: return finishProcessing()
            case .lingering, .closed:
                inbound = ByteBuffer()
                return shutIfLingering()
            }
        }
    }

    private func finishProcessing() {
        exchange?.flushToUpstream()
        if state.phase == .waiting, inbound.readableBytes > worker.settings.maxPipelinedBytes + Worker.readBytes {
            // It sent its last bytes and shut its side: NIO reads those whatever we ask for. It gets no answer.
            context?.close(promise: nil)
        }
        armTimer()
    }

    /// - Returns: whether to go on.
    private func readHead() -> Bool {
        guard inbound.readableBytes > 0 else { return false }
        if state.phase == .idle {
            guard skipBlankLine() else { return false }
            state.bytesArrived(at: .now())
        }
        let settings = worker.settings
        switch inbound.withUnsafeReadableBytes({ scanner.scan($0) }) {
        case .bareLineFeed:
            refuse(scanner.firstLineEnd == nil ? .malformedRequestLine : .malformedField)
        case .more:
            let firstLine = scanner.firstLineEnd ?? inbound.readableBytes
            if firstLine > settings.maxTargetBytes + Worker.lineAllowance {
                refuse(.targetTooLong)
            } else if inbound.readableBytes > settings.maxHeaderBytes {
                refuse(.headTooLarge)
            } else if inbound.withUnsafeReadableBytes({ !ASCII.isToken($0[0]) }) {
                refuse(.malformedRequestLine)  // a TLS greeting, say: there is nothing to wait for
            } else {
                return false
            }
        case .complete(let length):
            let firstLine = scanner.firstLineEnd ?? length
            scanner = HeadScanner()
            guard firstLine <= settings.maxTargetBytes + Worker.lineAllowance else {
                refuse(.targetTooLong)
                return true
            }
            guard length <= settings.maxHeaderBytes, let bytes = inbound.readSlice(length: length) else {
                refuse(.headTooLarge)
                return true
            }
            do throws(RequestFault) {
                try head.parse(bytes, settings: settings)
                try begin()
            } catch {
                refuse(error)
            }
        }
        return true
    }

    /// A blank line before a request is forgiven (RFC 9112, 2.2).
    /// - Returns: false when more bytes must arrive to tell.
    private func skipBlankLine() -> Bool {
        inbound.withUnsafeReadableBytes { bytes -> Int? in
            guard bytes[0] == ASCII.carriageReturn else { return 0 }
            guard bytes.count > 1 else { return nil }
            return bytes[1] == ASCII.lineFeed ? 2 : 0
        }.map { inbound.moveReaderIndex(forwardBy: $0) } != nil && inbound.readableBytes > 0
    }

    private func begin() throws(RequestFault) {
        let now = NIODeadline.now()
        if case .bytes(let count) = head.body, count > worker.settings.maxBodyBytes { throw .bodyTooLarge }
        body = BodyDecoder(head.body)
        bodyBytes = 0
        unsentWatch = UnsentWatch()
        let decision = try worker.route(head)
        switch decision {
        case .forward(let route):
            newTrace = head.hasTraceparent ? nil : worker.newTraceparent()
            let exchange = Exchange(client: self, route: route, head: head, worker: worker, at: now)
            self.exchange = exchange
            state.headRead(hasBody: head.body != .none, keepAlive: head.keepAlive, answerDue: exchange.due)
            exchange.place()
            if head.expectsContinue, self.exchange != nil { sendContinue() }
        case .answer(let response):
            state.headRead(hasBody: head.body != .none, keepAlive: head.keepAlive, answerDue: now + worker.limits.idle)
            respond(response)
        case .later(let body):
            state.headRead(hasBody: head.body != .none, keepAlive: head.keepAlive, answerDue: now + worker.limits.idle)
            worker.answer(self, with: body)
        }
    }

    private func sendContinue() {
        guard let context, let output, inbound.readableBytes == 0 else { return }
        output.append { $0.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n") }
        output.flush(to: context)
    }

    /// - Returns: whether to go on.
    private func readBody() -> Bool {
        do {
            switch try body.next(&inbound) {
            case .more:
                return false
            case .data(let piece):
                bodyBytes += piece.readableBytes
                if bodyBytes > worker.settings.maxBodyBytes {
                    refuse(.bodyTooLarge)
                } else {
                    exchange?.bodyContinued(piece)
                }
            case .end:
                state.bodyRead(at: .now())
                exchange?.bodyEnded()
                body = .none
            }
        } catch {
            refuse(.malformedChunk)
        }
        return true
    }

    /// Whether what is left of the request's body is short enough to be read and thrown away.
    var restIsShort: Bool {
        switch body {
        case .none: true
        case .bytes(let left): left <= Worker.maxDiscardedBytes && !head.expectsContinue
        case .chunked, .untilClose: false
        }
    }

    // MARK: Time

    /// The exchange waits for another moment than before.
    func dueChanged(_ due: NIODeadline) {
        state.answerDue(due)
        armTimer()
    }

    /// One timer for a connection, moved forward only when it fires: most deadlines are never reached.
    func armTimer() {
        guard let deadline = state.deadline, deadline < timerDue, let context else { return }
        timer?.cancel()
        timerDue = deadline
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            self?.timerFired()
        }
    }

    /// Whether the client is still busy taking a response when its time is up. A slow one is not a dead one.
    private func outputMoves(at now: NIODeadline) -> Bool {
        guard let deadline = state.deadline, deadline <= now, state.waitsForOutput || responseBegun else {
            return false
        }
        let unsent = (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        return unsentWatch.isMoving(unsent, at: now, within: worker.stallTimeout)
    }

    private func timerFired() {
        timer = nil
        timerDue = .distantFuture
        let now = NIODeadline.now()
        if outputMoves(at: now) {
            state.outputMoves(until: now + Worker.outputCheck)
            return armTimer()
        }
        if let exchange, state.deadline.map({ $0 <= now }) == true, exchange.due > now {
            state.answerDue(exchange.due)
        }
        switch state.timerFired(at: now) {
        case .none: break
        case .close: context?.close(promise: nil)
        case .refuseHead: refuse(.headTimeout)
        case .exchange:
            if let exchange { exchange.timerFired(at: now) } else { context?.close(promise: nil) }
        }
        armTimer()
    }
}
