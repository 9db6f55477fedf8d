import ApusPrimitives
import ApusResilience
import NIOCore

/// From a call to its answer.
extension ClientConnection {
    // MARK: The request

    func start(_ call: ClientStream) {
        call.isStarted = true
        if let deadline = call.head.deadline {
            if deadline.hasPassed(at: now) {
                return call.finish(
                    .failure(
                        GRPCError(.deadlineExceeded, "the deadline passed before the call was sent", reach: .notSent)))
            }
            earliestDeadline = min(earliestDeadline, deadline.expires)
        }
        guard waiting.isEmpty else { return wait(call) }
        open(call)
    }

    func startWaiting() {
        while !waiting.isEmpty, http2.canOpenStream {
            let call = waiting.removeFirst()
            if call.phase == .waiting { open(call) }
        }
    }

    private func wait(_ call: ClientStream) {
        guard waiting.count < settings.maxWaitingCalls else {
            return call.finish(
                .failure(
                    GRPCError(
                        .resourceExhausted, "\(waiting.count) calls wait for a stream already", reach: .notSent)))
        }
        waiting.append(call)
    }

    private func open(_ call: ClientStream) {
        var fields: HTTP2Headers?
        let template = templates.template(for: call.head.path, in: &http2)
        if template == nil { fields = templates.fields(for: call.head.path) }
        addFields(of: call, to: &fields)
        if let fields, let limit = http2.peer.maxHeaderListSize, fields.listBytes > limit {
            return call.finish(
                .failure(
                    GRPCError(
                        .resourceExhausted,
                        "metadata of \(fields.listBytes) bytes, above the server's limit of \(limit)",
                        reach: .notSent)))
        }
        let stream: HTTP2Stream
        do {
            stream = try http2.openStream(template, adding: fields)
        } catch {
            switch error {
            case .tooManyStreams: return wait(call)
            case .goingAway, .outOfStreams:
                call.finish(
                    .failure(GRPCError(.unavailable, "the connection takes no more calls", reach: .notSent)))
                return
            }
        }
        call.stream = stream
        call.phase = .open
        opened(call, stream)
        switch call.form {
        case .unary(let message, _)?:
            http2.sendMessage(message, compressed: call.head.compresses, on: stream, endStream: true)
        case .stream(let pipe)?: send(call, pipe)
        case nil: break
        }
    }

    private func addFields(of call: ClientStream, to fields: inout HTTP2Headers?) {
        let head = call.head
        guard head.deadline != nil || !head.metadata.isEmpty || head.compresses || call.previousAttempts > 0 else {
            return
        }
        var list = fields ?? HTTP2Headers()
        if let deadline = head.deadline {
            list.append(.grpcTimeout, GRPCTimeout.encode(deadline.remaining(at: now)), indexing: .literal)
        }
        if head.compresses { list.append(.grpcEncoding, "gzip") }
        if call.previousAttempts > 0 {
            list.append(.grpcPreviousAttempts, String(call.previousAttempts), indexing: .literal)
        }
        list.append(head.metadata)
        fields = list
    }

    func send(_ call: ClientStream, _ pipe: MessagePipe) {
        guard call.phase == .open, let stream = call.stream else { return }
        var isFull = false
        for item in pipe.takeOutgoing() {
            switch item {
            case .message(let message, let isCompressed):
                if case .full = http2.sendMessage(message, compressed: isCompressed, on: stream) { isFull = true }
            case .end(.success): http2.sendData(ByteBuffer(), on: stream, endStream: true)
            case .end(.failure(let error)): return cancel(call, error)
            }
        }
        pipe.sent(isFull: isFull)
    }

    func cancel(_ call: ClientStream, _ error: GRPCError) {
        guard call.phase != .over else { return }
        var error = error
        error.reach = call.phase == .waiting ? .notSent : .unknown
        call.finish(.failure(error))
        if let stream = call.stream { http2.reset(stream, .cancel) }
    }

    // MARK: The response

    func responseBegan(_ call: ClientStream, _ headers: HTTP2Headers, endStream: Bool) {
        guard call.phase == .open else { return }
        if !headers.has(.status, "200") || !headers.isGRPC {
            let status = headers.integer(.status) ?? 0
            // A proxy may answer without gRPC's content type and still know the status.
            if endStream, headers.contains(.grpcStatus), let error = headers.status(reach: .answered) {
                return call.finish(.failure(error))
            }
            let kind = headers.string(.contentType) ?? "none"
            return cancel(
                call, GRPCError(GRPCCode(httpStatus: status), "not gRPC: HTTP status \(status), content type \(kind)"))
        }
        // A status without headers before it does not commit a call to its attempt (A6).
        if endStream { return responseEnded(call, headers) }
        call.headers = headers
        if headers.contains(.grpcEncoding), !headers.has(.grpcEncoding, "identity") {
            guard headers.has(.grpcEncoding, "gzip") else {
                return cancel(
                    call,
                    GRPCError(.internalError, "grpc-encoding '\(headers.string(.grpcEncoding) ?? "")' was not offered"))
            }
            call.decoder.encoding = .gzip
        }
        call.began?.send(headers.metadata)
    }

    func received(_ bytes: ByteBuffer, on stream: HTTP2Stream, endStream: Bool) {
        guard let call = call(stream), call.phase == .open else {
            http2.consumed(bytes.readableBytes, on: stream)
            return
        }
        do {
            call.decoder.append(bytes)
            if let pipe = call.pipe {
                let free = try pipe.feed(&call.decoder, bytes.readableBytes)
                if free > 0 { http2.consumed(free, on: stream) }
            } else {
                http2.consumed(bytes.readableBytes, on: stream)
                try call.decoder.takeOnly(into: &call.message)
            }
        } catch {
            return cancel(call, GRPCError(thrown: error))
        }
        if endStream {
            call.finish(.failure(GRPCError(.internalError, "the response ended without a status", reach: .answered)))
        }
    }

    func responseEnded(_ call: ClientStream, _ fields: HTTP2Headers) {
        guard call.phase == .open else { return }
        if !fields.contains(.grpcStatus) {
            call.finish(.failure(GRPCError(.unknown, "the response ended without a status", reach: .answered)))
        } else if let error = fields.status(reach: .answered) {
            call.finish(.failure(error))
        } else if call.decoder.pendingBytes > 0 {
            call.finish(.failure(GRPCError(.internalError, "the response ended within a message", reach: .answered)))
        } else {
            call.finish(.success(fields))
        }
        // The request's side may still be open: nobody will send on it.
        if let stream = call.stream { http2.reset(stream, .cancel) }
    }
}
