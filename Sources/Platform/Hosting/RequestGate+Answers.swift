import ApusObservability
import ApusRPC
import NIOCore
import NIOHTTP1

/// Refusals, answers on their way out, and the end of the connection.
extension RequestGate {
    /// The request that is coming in cannot go on: its handler is told when it has one, the client otherwise.
    func fail(_ problem: Problem, _ context: ChannelHandlerContext) {
        guard case .body = reading else { return refuse(problem, context) }
        reading = .discarding
        onRefusal(problem, TraceContext.current ?? .root())
        context.fireErrorCaught(problem)
        // The host answers with the problem; a handler that had begun to answer just ends.
        expire(in: limits.readTimeout, context)
    }

    /// Answers with `problem` when the requests before have their answers, then ends the connection.
    func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        reading = .discarding
        let trace = TraceContext.root()
        var problem = problem
        problem.instance = "urn:trace:\(trace.traceID)"
        onRefusal(problem, trace)
        if unanswered.isEmpty { write(problem, context) } else { refusal = problem }
    }

    private func write(_ problem: Problem, _ context: ChannelHandlerContext) {
        let body = problem.encoded()
        var headers = HTTPHeaders([
            ("content-type", Problem.contentType), ("content-length", String(body.count)), ("connection", "close"),
        ])
        for (name, value) in problem.headers.sorted(by: { $0.key < $1.key }) { headers.add(name: name, value: value) }
        let status = HTTPResponseStatus(statusCode: problem.status, reasonPhrase: problem.title)
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        finish(context)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(var head) where head.status.code >= 200:
            answerHasBegun = true
            if unanswered.count == 1, mustContinue { mustContinue = false }
            if !isReusableAfterThis {
                head.headers.replaceOrAdd(name: "connection", value: "close")
                if !unanswered.isEmpty { unanswered[unanswered.startIndex] = false }
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            answerHasBegun = false
            let isReusable = unanswered.popFirst() ?? false
            guard isReusable else {
                context.writeAndFlush(data, promise: promise)
                return finish(context)
            }
            context.write(data, promise: promise)
            answered(context)
        default: context.write(data, promise: promise)
        }
    }

    /// After an answer that the connection survives.
    private func answered(_ context: ChannelHandlerContext) {
        continueIfDue(context)
        guard unanswered.isEmpty else { return }
        if let refusal {
            self.refusal = nil
            context.flush()
            return write(refusal, context)
        }
        switch reading {
        case .idle: expire(in: limits.idleTimeout, context)
        case .head, .body: expire(in: limits.readTimeout, context)
        case .discarding: break
        }
    }

    /// Not when the client or a stop wants it to end, nor when the rest of the request is still to come: it might be long.
    private var isReusableAfterThis: Bool {
        if isDraining || unanswered.first != true { return false }
        guard unanswered.count == 1 else { return true }
        switch reading {
        case .idle, .head: return true
        case .body: return false
        case .discarding: return refusal != nil
        }
    }

    /// `100 Continue`, when the answers before are complete.
    func continueIfDue(_ context: ChannelHandlerContext) {
        guard mustContinue, unanswered.count == 1, !answerHasBegun else { return }
        mustContinue = false
        let head = HTTPResponseHead(version: .http1_1, status: .continue)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    }

    /// Ends the connection so that what was written arrives: closing a socket with unread input would reset it, and the
    /// client would lose the answer.
    func finish(_ context: ChannelHandlerContext) {
        guard !isFinishing else { return }
        isFinishing = true
        unanswered.removeAll()
        refusal = nil
        if inputEnded { return context.close(mode: .all, promise: nil) }
        reading = .discarding
        expire(in: limits.lingerTimeout, context)
        context.close(mode: .output, promise: nil)
        context.read()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // The task that serves the connection ends it when its stream ends; the client may still be reading.
        if isFinishing, !inputEnded {
            promise?.succeed()
            return
        }
        // Only the end of the input closes the input: the task was cancelled, and the service dies.
        let isWhole = mode != .output || inputEnded
        context.close(mode: isWhole ? .all : .output, promise: promise)
    }

    // MARK: Time

    /// The time until which the client has to do its next step.
    func expire(in delay: TimeAmount, _ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        expires = now + delay
        schedule(at: min(now + delay, now + limits.readTimeout), context)
    }

    /// A timer that is set for earlier looks again when it fires: one timer serves many requests.
    private func schedule(at moment: NIODeadline, _ context: ChannelHandlerContext) {
        if timer != nil, timerFires <= moment { return }
        timer?.cancel()
        timerFires = moment
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: moment) {
            self.timer = nil
            guard let expires = self.expires else { return }
            if expires > .now() { return self.schedule(at: expires, context) }
            self.expired(context)
        }
    }

    private func expired(_ context: ChannelHandlerContext) {
        expires = nil
        switch reading {
        case .head: refuse(.requestTimeout("The head of the request did not arrive in time."), context)
        case .body where !isReadWanted:
            // It is not the client who is slow: the handler has not taken what there is.
            expire(in: limits.readTimeout, context)
        case .body: fail(.requestTimeout("The body of the request did not arrive in time."), context)
        case .idle, .discarding: context.close(mode: .all, promise: nil)
        }
    }
}
