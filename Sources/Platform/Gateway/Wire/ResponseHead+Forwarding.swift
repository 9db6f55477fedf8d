import NIOCore

extension ResponseHead {
    /// How the client is told where the body ends.
    enum Framing {
        /// As the instance did: by its length, or there is none.
        case asReceived
        case chunked
        /// By closing the connection, for HTTP/1.0.
        case close
    }

    func framing(forHTTP10 isHTTP10: Bool) -> Framing {
        switch body {
        case .none, .bytes: .asReceived
        case .chunked, .untilClose: isHTTP10 ? .close : .chunked
        }
    }

    /// Writes the head as the client shall see it.
    func write(to out: inout ByteBuffer, framing: Framing, connection: StaticString?, via: String) {
        out.writeStaticString("HTTP/1.1 ")
        bytes.withUnsafeReadableBytes { bytes in
            out.writeBytes(bytes[statusSpan])
            out.writeStaticString("\r\n")
            Field.writeKept(fields, of: bytes, to: &out) { kind in
                switch kind {
                case .hopByHop, .connection, .transferEncoding, .upgrade: false
                case .contentLength: status != 204
                default: true
                }
            }
        }
        switch framing {
        case .asReceived, .close: break
        case .chunked: out.writeStaticString("transfer-encoding: chunked\r\n")
        }
        if let connection {
            out.writeStaticString("connection: ")
            out.writeStaticString(connection)
            out.writeStaticString("\r\n")
        }
        out.writeStaticString("via: 1.1 ")
        out.writeString(via)
        out.writeStaticString("\r\n\r\n")
    }
}
