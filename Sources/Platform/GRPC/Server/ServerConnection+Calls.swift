import ApusObservability
import ApusPrimitives
import ApusResilience
import NIOCore

/// From a request to its answer.
extension ServerConnection {
    // MARK: The request

    func begin(_ stream: HTTP2Stream, _ headers: HTTP2Headers, endStream: Bool) {
        clock.callBegan()
        guard headers.has(.method, "POST"), headers.isGRPC else { return refuseHTTP(stream, headers) }
        let method = headers.withValue(of: .path) { core.methods.find($0) } ?? nil
        let path = method?.path ?? String((headers.string(.path) ?? "").drop { $0 == "/" })
        let call = ServerStream(
            stream: stream, method: method,
            head: GRPCRequestHead(path: path, isKnown: method != nil, headers: headers, peer: peer),
            limit: core.settings.maxReceiveBytes, began: now, door: door)
        let slot = Int(stream.slot)
        while calls.count <= slot { calls.append(nil) }
        calls[slot] = call
        do {
            try prepare(call, headers)
            for middleware in core.middleware {
                try middleware.began(&call.head)
                call.middlewareBegun += 1
            }
            guard let method else { throw core.methods.missing(path) }
            if let deadline = call.head.deadline {
                if deadline.hasPassed(at: now) {
                    throw GRPCError(.deadlineExceeded, "the deadline had passed on arrival")
                }
                earliestDeadline = min(earliestDeadline, deadline.expires)
            }
            if case .stream(let handler) = method.handler { start(call, handler) }
        } catch {
            return fail(call, GRPCError(thrown: error))
        }
        if endStream { inputEnded(call) }
    }

    private func prepare(_ call: ServerStream, _ headers: HTTP2Headers) throws(GRPCError) {
        if let timeout = headers.withValue(of: .grpcTimeout, { GRPCTimeout.decode($0) }) {
            guard let timeout else { throw GRPCError(.internalError, "grpc-timeout is malformed") }
            call.head.deadline = Deadline(after: timeout, from: now)
        }
        if headers.contains(.grpcEncoding), !headers.has(.grpcEncoding, "identity") {
            guard headers.has(.grpcEncoding, "gzip") else {
                let accepted: GRPCMetadata = [:]
                throw GRPCError(
                    .unimplemented,
                    "grpc-encoding '\(headers.string(.grpcEncoding) ?? "")' is not known; identity and gzip are",
                    metadata: accepted)
            }
            call.decoder.encoding = .gzip
        }
        if core.settings.compression == .gzip, let accepted = headers.string(.grpcAcceptEncoding) {
            call.compresses = accepted.split(separator: ",").contains { $0.trimmingBlanks() == "gzip" }
        }
    }

    /// A request that is not gRPC: the status is HTTP's.
    private func refuseHTTP(_ stream: HTTP2Stream, _ headers: HTTP2Headers) {
        var fields = HTTP2Headers()
        let isPost = headers.has(.method, "POST")
        fields.append(.status, isPost ? "415" : "405")
        if !isPost { fields.append(name: "allow", value: "POST") }
        fields.append(.contentLength, "0")
        http2.sendHeaders(adding: fields, on: stream, endStream: true)
    }

    func received(_ bytes: ByteBuffer, on stream: HTTP2Stream, endStream: Bool) {
        guard let call = call(stream), call.phase == .open else {
            http2.consumed(bytes.readableBytes, on: stream)
            return
        }
        do {
            call.decoder.append(bytes)
            if let pipe = call.pipe {
                try feed(call, pipe, bytes.readableBytes)
            } else {
                try collect(call, bytes.readableBytes)
            }
        } catch {
            call.task?.cancel()
            return fail(call, GRPCError(thrown: error))
        }
        if endStream { inputEnded(call) }
    }

    /// The message of a unary call: its bytes are given back as they come, and its length is bounded.
    private func collect(_ call: ServerStream, _ count: Int) throws(GRPCError) {
        http2.consumed(count, on: call.stream)
        try call.decoder.takeOnly(into: &call.message)
        release(call)
        call.heldBytes = call.decoder.pendingBytes + (call.message?.readableBytes ?? 0)
        heldBytes += call.heldBytes
        guard heldBytes <= core.settings.maxHeldBytes else {
            throw GRPCError(
                .resourceExhausted,
                "\(heldBytes) bytes of requests have not come whole on this connection, the limit is "
                    + "\(core.settings.maxHeldBytes)")
        }
        if call.decoder.pendingBytes > 0 { try core.settings.memory.check(heldBytes) }
    }

    /// The call holds nothing of its request any more.
    func release(_ call: ServerStream) {
        heldBytes -= call.heldBytes
        call.heldBytes = 0
    }

    private func feed(_ call: ServerStream, _ pipe: MessagePipe, _ count: Int) throws(GRPCError) {
        let free = try pipe.feed(&call.decoder, count)
        if free > 0 { http2.consumed(free, on: call.stream) }
    }

    func inputEnded(_ call: ServerStream) {
        guard call.phase == .open, let method = call.method else { return }
        release(call)
        guard call.decoder.pendingBytes == 0 else {
            call.task?.cancel()
            return fail(call, GRPCError(.internalError, "the request ended within a message"))
        }
        switch method.handler {
        case .stream: call.pipe?.receivedEnd(.success(()))
        case .onLoop(let handler):
            guard let message = call.message else { return failWithoutMessage(call) }
            call.message = nil
            answer(call, Result { try handler(message, GRPCLoopCall(stream: call)) })
        case .deferred(let handler):
            guard let message = call.message else { return failWithoutMessage(call) }
            call.message = nil
            running += 1
            let door = call.door
            let memory = core.settings.memory
            handler(
                message, call.head,
                GRPCAnswer { result in
                    memory.add(Self.counted(result))
                    door.mailbox.post(.answer(call, result))
                })
        case .unary(let handler):
            guard let message = call.message else { return failWithoutMessage(call) }
            call.message = nil
            run(call, message, handler)
        }
    }

    private func failWithoutMessage(_ call: ServerStream) {
        fail(call, GRPCError(.internalError, "a unary call without a message"))
    }
}

extension HTTP2Headers {
    /// "application/grpc", alone or followed by a subtype or parameters.
    var isGRPC: Bool {
        withValue(of: .contentType) { value in
            let prefix: StaticString = "application/grpc"
            let count = prefix.utf8CodeUnitCount
            guard value.count >= count, UnsafeRawBufferPointer(rebasing: value[..<count]).equals(prefix) else {
                return false
            }
            return value.count == count || value[count] == UInt8(ascii: "+") || value[count] == UInt8(ascii: ";")
        } ?? false
    }
}

extension Substring {
    func trimmingBlanks() -> Substring {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}
