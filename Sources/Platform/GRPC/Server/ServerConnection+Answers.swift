import ApusObservability
import ApusPrimitives
import ApusResilience
import Logging
import NIOCore

/// Handlers, and what they answer.
extension ServerConnection {
    // MARK: Handlers

    func run(
        _ call: ServerStream, _ message: ByteBuffer,
        _ handler: @escaping @Sendable (ByteBuffer, GRPCServerCall) async throws -> ByteBuffer
    ) {
        let context = GRPCServerCall(head: call.head)
        let door = call.door
        let memory = core.settings.memory
        running += 1
        call.context = context
        call.task = Task(executorPreference: executor) {
            let result: Result<ByteBuffer, any Error>
            do {
                result = .success(try await Self.withTaskLocals(context.head) { try await handler(message, context) })
            } catch {
                result = .failure(error)
            }
            memory.add(Self.counted(result))
            door.mailbox.post(.answer(call, result))
        }
    }

    func start(
        _ call: ServerStream,
        _ handler:
            @escaping @Sendable (GRPCMessages<ByteBuffer>, GRPCMessageWriter<ByteBuffer>, GRPCServerCall) async throws
            -> Void
    ) {
        let context = GRPCServerCall(head: call.head)
        let pipe = MessagePipe(port: call, window: http2.configuration.streamWindow)
        let compresses = call.compresses
        let limit = core.settings.maxSendBytes
        let door = call.door
        call.context = context
        call.pipe = pipe
        running += 1
        call.task = Task(executorPreference: executor) {
            let requests = GRPCMessages<ByteBuffer> { try await pipe.next() }
            let replies = GRPCMessageWriter<ByteBuffer>(pipe, compresses: compresses, limit: limit)
            do {
                try await Self.withTaskLocals(context.head) { try await handler(requests, replies, context) }
                pipe.end(.success([:]))
            } catch {
                pipe.end(.failure(GRPCError(thrown: error)))
            }
            door.mailbox.post(.returned(call))
        }
    }

    private static func withTaskLocals<Value>(
        _ head: GRPCRequestHead, _ body: () async throws -> Value
    ) async throws -> Value {
        guard head.deadline != nil || head.trace != nil else { return try await body() }
        return try await Deadline.$current.withValue(head.deadline) {
            try await TraceContext.$current.withValue(head.trace) { try await body() }
        }
    }

    // MARK: Answers

    func answer(_ call: ServerStream, _ result: Result<ByteBuffer, any Error>) {
        guard call.phase == .open else { return }
        if let context = call.context { call.take(context.takeAdditions()) }
        do {
            let (message, isCompressed) = try MessageEncoding.prepare(
                try result.get(), compresses: call.compresses, limit: core.settings.maxSendBytes)
            guard http2.queuedBytes <= core.settings.maxHeldBytes else {
                throw GRPCError(
                    .resourceExhausted,
                    "\(http2.queuedBytes) bytes of answers wait for this client, the limit is \(core.settings.maxHeldBytes)"
                )
            }
            try core.settings.memory.check(http2.queuedBytes > 0 ? .max : message.readableBytes)
            try sendHeaders(call)
            http2.sendMessage(message, compressed: isCompressed, on: call.stream)
            try finish(call)
        } catch {
            fail(call, GRPCError(thrown: error))
        }
    }

    /// What the pipe of a stream has to send.
    func send(_ call: ServerStream, _ pipe: MessagePipe) {
        guard call.phase == .open else { return }
        let outgoing = pipe.takeOutgoing()
        guard !outgoing.isEmpty else { return }
        if let context = call.context, !call.hasSentHeaders { call.take(context.takeAdditions()) }
        var isFull = false
        do {
            for item in outgoing {
                switch item {
                case .message(let message, let isCompressed):
                    try sendHeaders(call)
                    if case .full = http2.sendMessage(message, compressed: isCompressed, on: call.stream) {
                        isFull = true
                    }
                case .end(let outcome):
                    if let context = call.context { call.trailers = context.takeAdditions().trailing }
                    _ = try outcome.get()
                    try sendHeaders(call)
                    try finish(call)
                }
            }
        } catch {
            return fail(call, GRPCError(thrown: error))
        }
        pipe.sent(isFull: isFull)
    }

    private func sendHeaders(_ call: ServerStream) throws(GRPCError) {
        guard !call.hasSentHeaders else { return }
        var fields: HTTP2Headers?
        if !call.responseMetadata.isEmpty {
            try call.responseMetadata.check(limitBytes: core.settings.http2.limits.headerListBytes)
            fields = HTTP2Headers()
            fields!.append(call.responseMetadata)
        }
        call.hasSentHeaders = true
        http2.sendHeaders(call.compresses ? templates.gzipHeaders : templates.headers, adding: fields, on: call.stream)
    }

    /// The status OK.
    private func finish(_ call: ServerStream) throws(GRPCError) {
        var fields: HTTP2Headers?
        if !call.trailers.isEmpty {
            try call.trailers.check(limitBytes: core.settings.http2.limits.headerListBytes)
            fields = HTTP2Headers()
            fields!.append(call.trailers)
        }
        call.phase = .answered
        http2.sendTrailers(templates.okTrailers, adding: fields, on: call.stream)
        ended(call, nil)
    }

    /// Ends a call with a status that is not OK: trailers only, when nothing was sent yet. A handler that was cancelled resets.
    func fail(_ call: ServerStream, _ error: GRPCError) {
        guard call.phase == .open else { return }
        if let context = call.context { call.take(context.takeAdditions()) }
        call.phase = .answered
        if error.cause is CancellationError {
            http2.reset(call.stream, .cancel)
        } else {
            let fields = statusFields(call, error)
            if call.hasSentHeaders {
                http2.sendTrailers(adding: fields, on: call.stream)
            } else {
                http2.sendHeaders(adding: fields, on: call.stream, endStream: true)
            }
        }
        ended(call, error)
        call.pipe?.failed(error)
    }

    /// The status with its details and trailers, as far as the peer takes them: a list that is too long would cost it the status, and
    /// one that is far too long the connection.
    private func statusFields(_ call: ServerStream, _ error: GRPCError) -> HTTP2Headers {
        let limit = min(core.settings.http2.limits.headerListBytes, http2.peer.maxHeaderListSize ?? .max)
        var metadata = call.trailers
        metadata.append(contentsOf: error.metadata)
        var bare = error
        bare.details = []
        let start = call.hasSentHeaders ? HTTP2Headers() : ServerTemplates.headerFields
        let reason: String
        do {
            try metadata.check(limitBytes: limit)
            for error in [error, bare] {
                var fields = start
                fields.append(status: error)
                fields.append(metadata)
                if fields.listBytes <= limit { return fields }
                if error.details.isEmpty { break }
            }
            reason = "above the limit of \(limit) bytes"
        } catch {
            reason = "\(error)"
        }
        core.logger.warning("gRPC trailers dropped", metadata: ["method": "\(call.head.path)", "reason": "\(reason)"])
        var fields = start
        fields.append(status: bare)
        return fields
    }

    func ended(_ call: ServerStream, _ error: GRPCError?) {
        guard call.middlewareBegun > 0 else { return }
        let outcome = GRPCOutcome(code: error?.code ?? .ok, duration: now - call.began, error: error)
        for middleware in core.middleware.prefix(call.middlewareBegun) { middleware.ended(call.head, outcome) }
    }
}
