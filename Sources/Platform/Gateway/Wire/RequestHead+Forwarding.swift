import NIOCore

/// What a forwarded request says beside what the client said.
struct ForwardedFacts {
    var clientAddress: String
    var via: String
    /// Whether the client's own `X-Forwarded-*` are kept.
    var trustsForwarded: Bool
    /// Stands in for a missing `Host` of an HTTP/1.0 client.
    var instanceAuthority: String
    /// Milliseconds until the deadline.
    var timeLeft: Int64
    /// For a request that came without a valid trace context.
    var traceparent: String?
}

extension RequestHead {
    /// Writes the head as an instance shall see it: in origin form, without what concerned the client's connection.
    func write(to out: inout ByteBuffer, _ facts: ForwardedFacts) {
        bytes.withUnsafeReadableBytes { bytes in
            out.writeBytes(bytes[methodSpan])
            out.writeInteger(ASCII.space)
            if path.count == 0 { out.writeInteger(ASCII.slash) }
            out.writeBytes(bytes[target])
            out.writeStaticString(" HTTP/1.1\r\n")
            writeHost(to: &out, bytes, facts)
            Field.writeKept(fields, of: bytes, to: &out) { kind in
                switch kind {
                case .plain, .contentLength, .idempotencyKey, .traceparent, .tracestate, .failedService: true
                case .host: authority == nil
                case .forwarded, .forwardedHost, .forwardedProto: facts.trustsForwarded
                case .hopByHop, .connection, .transferEncoding, .expect, .upgrade, .timeout: false
                }
            }
        }
        if body == .chunked { out.writeStaticString("transfer-encoding: chunked\r\n") }
        out.writeStaticString("x-forwarded-for: ")
        out.writeString(facts.clientAddress)
        if !keeps(.forwardedProto, facts) { out.writeStaticString("\r\nx-forwarded-proto: http") }
        out.writeStaticString("\r\napus-timeout-ms: ")
        out.writeString(String(facts.timeLeft))
        if let traceparent = facts.traceparent {
            out.writeStaticString("\r\ntraceparent: ")
            out.writeString(traceparent)
        }
        out.writeStaticString(isHTTP10 ? "\r\nvia: 1.0 " : "\r\nvia: 1.1 ")
        out.writeString(facts.via)
        out.writeStaticString("\r\n\r\n")
    }

    /// Whether a trusted proxy has said this already. What the gateway sees is only the way from there.
    private func keeps(_ kind: FieldKind, _ facts: ForwardedFacts) -> Bool {
        facts.trustsForwarded && fields.contains { $0.kind == kind }
    }

    private func writeHost(to out: inout ByteBuffer, _ bytes: UnsafeRawBufferPointer, _ facts: ForwardedFacts) {
        if let authority {
            out.writeStaticString("host: ")
            out.writeBytes(bytes[authority])
            out.writeStaticString("\r\n")
        } else if host == nil {
            out.writeStaticString("host: ")
            out.writeString(facts.instanceAuthority)
            out.writeStaticString("\r\n")
        }
        guard let host = authority ?? host, !keeps(.forwardedHost, facts) else { return }
        out.writeStaticString("x-forwarded-host: ")
        out.writeBytes(bytes[host])
        out.writeStaticString("\r\n")
    }
}

extension Field {
    /// Copies the lines of the kinds that `keeps` names, neighbours together.
    @inline(__always)
    static func writeKept(
        _ fields: [Field], of bytes: UnsafeRawBufferPointer, to out: inout ByteBuffer, keeps: (FieldKind) -> Bool
    ) {
        var start = -1
        var end = -1
        for field in fields where keeps(field.kind) {
            if end != Int(field.name.start) {
                if start >= 0 { out.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) }
                start = Int(field.name.start)
            }
            end = Int(field.end)
        }
        if start >= 0 { out.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) }
    }
}
