/// What a header field means to a proxy.
enum FieldKind: UInt8 {
    /// Passed on as it is.
    case plain
    /// Concerns one connection only (RFC 9110, 7.6.1) and ends here.
    case hopByHop
    case connection, host, contentLength, transferEncoding, expect, upgrade
    case idempotencyKey, timeout, traceparent, tracestate
    /// `X-Forwarded-For` and its kin, which only a trusted proxy may set.
    case forwarded, forwardedHost, forwardedProto
    /// Of a response: whose failure it passes on.
    case failedService

    init(_ name: UnsafeRawBufferPointer) {
        self = .plain
        switch name.count {
        case 2: if name.isText("te") { self = .hopByHop }
        case 4: if name.isText("host") { self = .host }
        case 6: if name.isText("expect") { self = .expect }
        case 7:
            if name.isText("upgrade") {
                self = .upgrade
            } else if name.isText("trailer") {
                self = .hopByHop
            }
        case 9: if name.isText("forwarded") || name.isText("x-real-ip") { self = .forwarded }
        case 10:
            if name.isText("connection") {
                self = .connection
            } else if name.isText("keep-alive") {
                self = .hopByHop
            } else if name.isText("tracestate") {
                self = .tracestate
            }
        case 11: if name.isText("traceparent") { self = .traceparent }
        // A client could give itself the highest.
        case 13: if name.isText("apus-priority") { self = .forwarded }
        case 14:
            if name.isText("content-length") {
                self = .contentLength
            } else if name.isText("http2-settings") {
                self = .hopByHop
            }
        case 15:
            if name.isText("apus-timeout-ms") {
                self = .timeout
            } else if name.isText("idempotency-key") {
                self = .idempotencyKey
            } else if name.isText("x-forwarded-for") {
                self = .forwarded
            }
        case 16:
            if name.isText("x-forwarded-host") {
                self = .forwardedHost
            } else if name.isText("x-forwarded-port") {
                self = .forwarded
            } else if name.isText("proxy-connection") {
                self = .hopByHop
            }
        case 17:
            if name.isText("transfer-encoding") {
                self = .transferEncoding
            } else if name.isText("x-forwarded-proto") {
                self = .forwardedProto
            }
        case 18: if name.isText("proxy-authenticate") { self = .hopByHop }
        case 19:
            if name.isText("proxy-authorization") {
                self = .hopByHop
            } else if name.isText("apus-failed-service") {
                self = .failedService
            }
        default: break
        }
    }
}

/// One line of a header section: where its parts lie in the head.
struct Field {
    var kind: FieldKind
    var name: Span
    var value: Span
    /// After the line's end.
    var end: Int32
}

/// A header section that breaks the grammar, or has too many fields.
enum FieldFault: Error {
    case malformed, tooMany
}

extension Field {
    /// Reads the lines from `start` up to the blank line at `end`. Strict on purpose, since every leniency here is a way to
    /// make two readers of one message disagree: no folded lines, no blank before the colon, no bare CR or LF, no controls.
    static func parse(
        _ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int, atMost limit: Int, into fields: inout [Field]
    ) throws(FieldFault) {
        var index = start
        while index < end {
            let nameStart = index
            while ASCII.isToken(bytes[index]) { index += 1 }
            let nameEnd = index
            guard nameEnd > nameStart, bytes[index] == ASCII.colon else { throw .malformed }
            index += 1
            while bytes[index] == ASCII.space || bytes[index] == ASCII.tab { index += 1 }
            let valueStart = index
            while ASCII.isFieldValue(bytes[index]) { index += 1 }
            guard bytes[index] == ASCII.carriageReturn, bytes[index + 1] == ASCII.lineFeed else { throw .malformed }
            var valueEnd = index
            while valueEnd > valueStart, bytes[valueEnd - 1] == ASCII.space || bytes[valueEnd - 1] == ASCII.tab {
                valueEnd -= 1
            }
            index += 2
            guard fields.count < limit else { throw .tooMany }
            let name = Span(nameStart, nameEnd)
            fields.append(
                Field(
                    kind: FieldKind(bytes[name]), name: name, value: Span(valueStart, valueEnd), end: Int32(index)))
        }
    }

    /// Marks the fields that `Connection` names as concerning this connection only. What the message needs to be
    /// understood cannot be named away.
    static func markNominated(_ bytes: UnsafeRawBufferPointer, in fields: inout [Field]) {
        for connection in fields where connection.kind == .connection {
            bytes[connection.value].forEachListElement { name in
                guard !name.isText("close"), !name.isText("keep-alive") else { return }
                for index in fields.indices where bytes[fields[index].name].isSameText(as: name) {
                    switch fields[index].kind {
                    case .host, .contentLength, .transferEncoding, .connection, .expect, .upgrade: break
                    default: fields[index].kind = .hopByHop
                    }
                }
            }
        }
    }
}
