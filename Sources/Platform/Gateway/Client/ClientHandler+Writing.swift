import ApusCoordination
import ApusResilience
import Logging
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension ClientHandler {
    // MARK: For the exchange

    func writeRequestHead(to out: inout ByteBuffer, instance: ServiceInstance, timeLeft: Int64) {
        head.write(
            to: &out,
            ForwardedFacts(
                clientAddress: address, via: worker.settings.via, trustsForwarded: worker.settings.trustForwarded,
                instanceAuthority: head.host == nil ? Self.authority(of: instance) : "",
                timeLeft: timeLeft, traceparent: newTrace))
    }

    static func authority(of instance: ServiceInstance) -> String {
        // The colons of an IPv6 address would be taken for that before the port.
        instance.host.contains(":") ? "[\(instance.host)]:\(instance.port)" : "\(instance.host):\(instance.port)"
    }

    /// - Returns: whether the body is to be written in chunks.
    func writeHead(_ response: ResponseHead, requestComplete: Bool) -> Bool {
        guard let output else { return false }
        let framing = response.framing(forHTTP10: head.isHTTP10)
        // What is left of the body could not be told from the next request.
        if !requestComplete || framing == .close { state.closeAfterResponse() }
        responseBegun = true
        let connection: StaticString? = state.closesAfter ? "close" : head.isHTTP10 ? "keep-alive" : nil
        let via = worker.settings.via
        output.append { out in response.write(to: &out, framing: framing, connection: connection, via: via) }
        return framing == .chunked
    }

    func write(_ piece: ByteBuffer, chunked: Bool) {
        guard let context, let output, state.phase != .closed else { return }
        output.append(piece, chunked: chunked, to: context)
        if !context.channel.isWritable { worker.noteBuffered(context.channel, plus: output.pendingBytes) }
    }

    func writeLastChunk() {
        output?.append { $0.writeStaticString("0\r\n\r\n") }
    }

    func flush() {
        guard let context else { return }
        output?.flush(to: context)
    }

    /// The response is complete; what the client sent ahead is next.
    func responseEnded() {
        exchange = nil
        finishResponse()
    }

    /// The exchange failed before a byte of its response was written.
    /// - Parameter refusal: what the retry budget said, when it did not allow a second attempt.
    func fail(_ failure: ExchangeState.Failure, refusal: ResilienceError? = nil) {
        let service = exchange.map { worker.routes.entries[$0.route].route.service } ?? ""
        exchange = nil
        // What a client has not sent in time is not waited for any longer.
        if failure == .bodyTimedOut { state.closeAfterResponse() }
        respond(OwnResponse(failure, service: service, refusal: refusal))
    }

    /// The response cannot be completed. Closing with a reset is the one sign of it that every client understands, also
    /// one that takes the end of the connection for the end of the body.
    func truncate() {
        exchange = nil
        state.closed()
        guard let context else { return }
        output?.flush(to: context)
        _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        context.close(promise: nil)
    }

    // MARK: The gateway's own responses

    /// Refuses the request at hand, whatever became of it, and the connection after it.
    func refuse(_ fault: RequestFault) {
        let exchange = exchange
        self.exchange = nil
        exchange?.abandon(status: fault.status)
        if responseBegun { return truncate() }
        if exchange == nil {
            worker.metrics.refused(status: fault.status, method: state.takesRequests ? .other : head.method)
        }
        state.closeAfterResponse()
        respond(worker.response(to: fault))
    }

    func respond(_ response: OwnResponse) {
        guard let output, let context, state.phase != .closed else { return }
        if state.takesRequests || !restIsShort { state.closeAfterResponse() }
        let isHead = head.method == .head && !state.takesRequests
        let connection: StaticString? = state.closesAfter ? "close" : head.isHTTP10 ? "keep-alive" : nil
        output.append { out in
            out.writeString("HTTP/1.1 \(response.status) \(response.reason)\r\n")
            for (name, value) in response.headers { out.writeString("\(name): \(value)\r\n") }
            if response.status != 204 { out.writeString("content-length: \(response.body.count)\r\n") }
            if let connection { out.writeString("connection: \(connection)\r\n") }
            out.writeStaticString("cache-control: no-store\r\n\r\n")
            if !isHead { out.writeBytes(response.body) }
        }
        if !context.channel.isWritable { worker.noteBuffered(context.channel, plus: output.pendingBytes) }
        finishResponse()
    }

    private func finishResponse() {
        responseBegun = false
        state.responded(at: .now(), restIsShort: restIsShort)
        flush()
        if state.phase == .idle { head.reset() }
        shutIfLingering()
        armTimer()
        process()
        requestTakesMore()
    }

    /// After the last response nothing more is written. What the client still sends is read, or it would be told of a
    /// reset before it has read the response.
    func shutIfLingering() {
        guard state.phase == .lingering, !outputIsShut else { return }
        outputIsShut = true
        context?.close(mode: .output, promise: nil)
        armTimer()
    }

    // MARK: For the worker

    /// A response that was made elsewhere.
    func answered(_ response: OwnResponse) {
        guard state.phase == .waiting || state.phase == .body else { return }
        respond(response)
    }

    func drain() {
        if state.drain() { context?.close(promise: nil) }
    }

    func accessLog(_ exchange: Exchange, took: TimeAmount) -> Logger.Metadata {
        func text(_ span: Span) -> String {
            head.bytes.getString(at: head.bytes.readerIndex + Int(span.start), length: span.count) ?? ""
        }
        let traceparent = head.fields.first { $0.kind == .traceparent }.map { text($0.value) }
        return [
            "method": "\(text(head.methodSpan))", "path": "\(text(head.path))", "status": "\(exchange.status)",
            "service": "\(worker.routes.entries[exchange.route].route.service)",
            "instance": "\(exchange.endpoint?.instance.id ?? "none")", "client": "\(address)",
            "took_us": "\(took.nanoseconds / 1_000)", "attempts": "\(exchange.state.attempts)",
            "traceparent": "\(newTrace ?? traceparent ?? "none")",
        ]
    }
}
