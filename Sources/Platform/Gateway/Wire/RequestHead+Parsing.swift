extension RequestHead {
    /// - Returns: where the first field begins.
    mutating func parseRequestLine(_ bytes: UnsafeRawBufferPointer, maxTarget: Int) throws(RequestFault) -> Int {
        var index = 0
        while ASCII.isToken(bytes[index]) { index += 1 }
        guard index > 0, bytes[index] == ASCII.space else { throw .malformedRequestLine }
        methodSpan = Span(0, index)
        method = Method(bytes[methodSpan])
        index += 1
        let targetStart = index
        while ASCII.isTarget(bytes[index]) { index += 1 }
        let whole = Span(targetStart, index)
        guard whole.count > 0 else { throw .malformedRequestLine }
        guard whole.count <= maxTarget else { throw .targetTooLong }
        guard bytes[index] == ASCII.space, bytes.count >= index + 11 else { throw .malformedRequestLine }
        index += 1
        let version = bytes[Span(index, index + 8)]
        guard bytes[index + 8] == ASCII.carriageReturn, bytes[index + 9] == ASCII.lineFeed else {
            throw .malformedRequestLine
        }
        guard version.isExactly("HTTP/1.1") || version.isExactly("HTTP/1.0") else {
            throw version.starts(with: "HTTP/".utf8) ? .unsupportedVersion : .malformedRequestLine
        }
        isHTTP10 = version[7] == UInt8(ascii: "0")
        // Their targets have forms of their own, and neither is ever passed on.
        guard method != .connect, method != .trace else { throw .methodRefused }
        try parseTarget(bytes, whole)
        return index + 10
    }

    private mutating func parseTarget(_ bytes: UnsafeRawBufferPointer, _ whole: Span) throws(RequestFault) {
        let text = bytes[whole]
        if text[0] == ASCII.slash {
            target = whole
        } else if text.count == 1, text[0] == UInt8(ascii: "*") {
            guard method == .options else { throw .badTarget }
            isAsterisk = true
            target = whole
        } else {
            var start = 0
            if text.count > 7, UnsafeRawBufferPointer(rebasing: text[..<7]).isText("http://") { start = 7 }
            if text.count > 8, UnsafeRawBufferPointer(rebasing: text[..<8]).isText("https://") { start = 8 }
            guard start > 0 else { throw .badTarget }
            var end = start
            while end < text.count, text[end] != ASCII.slash, text[end] != UInt8(ascii: "?") { end += 1 }
            let host = Span(Int(whole.start) + start, Int(whole.start) + end)
            guard isHost(bytes[host]) else { throw .badTarget }
            authority = host
            target = Span(Int(host.end), Int(whole.end))
        }
        var end = Int(target.start)
        while end < target.end, bytes[end] != UInt8(ascii: "?") { end += 1 }
        path = Span(Int(target.start), end)
    }

    private func isHost(_ text: UnsafeRawBufferPointer) -> Bool {
        !text.isEmpty && text.allSatisfy(ASCII.isHost)
    }

    mutating func understandFields(_ bytes: UnsafeRawBufferPointer) throws(RequestFault) {
        var length: Int?
        var encodings = 0
        var connectionFields = 0
        for field in fields {
            let value = bytes[field.value]
            switch field.kind {
            case .host:
                guard host == nil else { throw .repeatedHost }
                guard isHost(value) else { throw .badHost }
                host = field.value
            case .contentLength:
                guard length == nil else { throw .repeatedContentLength }
                guard let number = value.decimal() else { throw .badContentLength }
                length = number
            case .transferEncoding:
                guard value.isText("chunked"), encodings == 0, !isHTTP10 else { throw .unsupportedEncoding }
                encodings += 1
            case .expect:
                guard value.isText("100-continue") else { throw .unmetExpectation }
                expectsContinue = !isHTTP10
            case .upgrade:
                // Any other offer may be declined by not taking it up (RFC 9110, 7.8), but who asks for WebSocket can
                // do nothing with a plain response.
                var wantsWebSocket = false
                value.forEachListElement { if $0.isText("websocket") { wantsWebSocket = true } }
                guard !wantsWebSocket else { throw .upgradeRefused }
            case .connection:
                connectionFields += 1
            default: break
            }
        }
        guard host != nil || isHTTP10 else { throw .missingHost }
        if encodings > 0 {
            guard length == nil else { throw .lengthAndEncoding }
            body = .chunked
        } else if let length, length > 0 {
            body = .bytes(length)
        } else {
            expectsContinue = false
        }
        keepAlive = !isHTTP10
        if connectionFields > 0 { understandConnection(bytes) }
        understandPolicyFields(bytes)
    }

    private mutating func understandConnection(_ bytes: UnsafeRawBufferPointer) {
        var close = false
        for field in fields where field.kind == .connection {
            bytes[field.value].forEachListElement { option in
                if option.isText("close") { close = true }
                if option.isText("keep-alive") { keepAlive = true }
            }
        }
        if close { keepAlive = false }
        Field.markNominated(bytes, in: &fields)
    }

    /// What remains after `Connection` had its say.
    private mutating func understandPolicyFields(_ bytes: UnsafeRawBufferPointer) {
        var traceparents = 0
        for index in fields.indices {
            switch fields[index].kind {
            case .idempotencyKey:
                if fields[index].value.count > 0 { hasIdempotencyKey = true }
            case .timeout:
                if let time = bytes[fields[index].value].decimal() {
                    timeoutMilliseconds = min(timeoutMilliseconds ?? .max, time)
                }
            case .traceparent:
                traceparents += 1
                hasTraceparent = traceparents == 1 && Self.isTraceparent(bytes[fields[index].value])
            default: break
            }
        }
        guard !hasTraceparent else { return }
        for index in fields.indices where fields[index].kind == .traceparent || fields[index].kind == .tracestate {
            fields[index].kind = .hopByHop
        }
    }

    /// W3C Trace Context, 3.2: version, trace id, parent id and flags in lower-case hexadecimal, neither id all zeros.
    static func isTraceparent(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count >= 55, text.count == 55 || text[55] == UInt8(ascii: "-") else { return false }
        var traceSeen = false
        var parentSeen = false
        for index in 0..<55 {
            let byte = text[index]
            if index == 2 || index == 35 || index == 52 {
                guard byte == UInt8(ascii: "-") else { return false }
                continue
            }
            guard ASCII.isDigit(byte) || byte &- UInt8(ascii: "a") < 6 else { return false }
            if byte != UInt8(ascii: "0") {
                if index > 2, index < 35 { traceSeen = true }
                if index > 35, index < 52 { parentSeen = true }
            }
        }
        let version00 = text[0] == UInt8(ascii: "0") && text[1] == UInt8(ascii: "0")
        let versionFF = text[0] == UInt8(ascii: "f") && text[1] == UInt8(ascii: "f")
        return traceSeen && parentSeen && !versionFF && (!version00 || text.count == 55)
    }
}

extension RequestHead.Method {
    /// Methods are case-sensitive (RFC 9110, 9.1).
    init(_ name: UnsafeRawBufferPointer) {
        self = .other
        switch name.count {
        case 3: self = name.isExactly("GET") ? .get : name.isExactly("PUT") ? .put : .other
        case 4: self = name.isExactly("POST") ? .post : name.isExactly("HEAD") ? .head : .other
        case 5: self = name.isExactly("PATCH") ? .patch : name.isExactly("TRACE") ? .trace : .other
        case 6: if name.isExactly("DELETE") { self = .delete }
        case 7: self = name.isExactly("OPTIONS") ? .options : name.isExactly("CONNECT") ? .connect : .other
        default: break
        }
    }

    /// The name for a metric's label; what the client made up is not repeated, since labels are kept for ever.
    var label: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .patch: "PATCH"
        case .connect: "CONNECT"
        case .trace: "TRACE"
        case .other: "other"
        }
    }
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    func isExactly(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for index in 0..<count where self[index] != text.utf8Start[index] { return false }
        return true
    }
}
