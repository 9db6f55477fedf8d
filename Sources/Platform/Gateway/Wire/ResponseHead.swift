import NIOCore

/// The head of a service's response: the bytes as they came, and where in them things lie.
struct ResponseHead {
    /// A service said something that is not HTTP/1.1; the proxy answers 502.
    struct Garbage: Error {}

    var bytes = ByteBuffer()
    var fields: [Field] = []
    var status = 0
    /// From the status code to the end of the reason phrase.
    var statusSpan = Span.empty
    var body = BodyLength.none
    var keepAlive = true

    var isInterim: Bool { status < 200 }

    /// Whether the answer says that a service other than this one failed.
    func blamesAnother(than service: String) -> Bool {
        guard let field = fields.first(where: { $0.kind == .failedService }) else { return false }
        return bytes.withUnsafeReadableBytes { !$0[field.value].elementsEqual(service.utf8) }
    }

    /// - Parameters:
    ///   - head: the bytes of the head, ending with CR LF CR LF.
    ///   - forHead: whether it answers a HEAD request and therefore has no body.
    mutating func parse(_ head: ByteBuffer, forHead: Bool, maxFields: Int) throws(Garbage) {
        bytes = head
        fields.removeAll(keepingCapacity: true)
        let valid = head.withUnsafeReadableBytes { bytes in
            parseStatusLine(bytes).map { start in
                (try? Field.parse(bytes, from: start, to: bytes.count - 2, atMost: maxFields, into: &fields)) != nil
                    && understandFields(bytes, forHead: forHead)
            } ?? false
        }
        guard valid else { throw Garbage() }
    }

    /// Lets go of the bytes, and keeps the room for the next head.
    mutating func reset() {
        bytes = ByteBuffer()
        fields.removeAll(keepingCapacity: true)
    }

    private mutating func parseStatusLine(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= 16, UnsafeRawBufferPointer(rebasing: bytes[..<7]).isExactly("HTTP/1."),
            bytes[7] == UInt8(ascii: "1") || bytes[7] == UInt8(ascii: "0"), bytes[8] == ASCII.space,
            let code = bytes[Span(9, 12)].decimal(), code >= 100, code < 600,
            bytes[12] == ASCII.space || bytes[12] == ASCII.carriageReturn
        else { return nil }
        status = code
        keepAlive = bytes[7] == UInt8(ascii: "1")
        var index = 12
        while ASCII.isFieldValue(bytes[index]) { index += 1 }
        guard bytes[index] == ASCII.carriageReturn, bytes[index + 1] == ASCII.lineFeed else { return nil }
        statusSpan = Span(9, index)
        return index + 2
    }

    private mutating func understandFields(_ bytes: UnsafeRawBufferPointer, forHead: Bool) -> Bool {
        var length: Int?
        var chunked = false
        var connectionFields = 0
        for field in fields {
            switch field.kind {
            case .contentLength:
                guard length == nil, let number = bytes[field.value].decimal() else { return false }
                length = number
            case .transferEncoding:
                guard !chunked, bytes[field.value].isText("chunked") else { return false }
                chunked = true
            case .connection:
                connectionFields += 1
                bytes[field.value].forEachListElement { option in
                    if option.isText("close") { keepAlive = false }
                }
            default: break
            }
        }
        guard !chunked || length == nil else { return false }
        if connectionFields > 0 { Field.markNominated(bytes, in: &fields) }
        if forHead || status < 200 || status == 204 || status == 304 {
            body = .none
        } else if chunked {
            body = .chunked
        } else if let length {
            body = length == 0 ? .none : .bytes(length)
        } else {
            body = .untilClose
            keepAlive = false
        }
        return true
    }
}
