import NIOCore

/// How long a message's body is.
enum BodyLength: Hashable {
    case none
    case bytes(Int)
    case chunked
    /// Ends with the connection; only a response may.
    case untilClose
}

/// A request's head that a proxy can act on: the bytes as they came, and where in them things lie. One value is used
/// again for all requests of a connection, so that reading a head allocates nothing.
struct RequestHead {
    enum Method: UInt8 {
        case get, head, post, put, delete, options, patch, connect, trace, other

        /// Whether doing it twice is as good as doing it once (RFC 9110, 9.2.2).
        var isIdempotent: Bool {
            switch self {
            case .get, .head, .put, .delete, .options: true
            default: false
            }
        }
    }

    /// The head, from the first byte of the request line to the blank line.
    var bytes = ByteBuffer()
    var fields: [Field] = []
    var method = Method.other
    var methodSpan = Span.empty
    /// Path and query; empty for an absolute URL without a path.
    var target = Span.empty
    /// The part of `target` before the query.
    var path = Span.empty
    /// `OPTIONS *`, which asks about the server itself.
    var isAsterisk = false
    /// From an absolute URL, which then stands in for `Host`.
    var authority: Span?
    var host: Span?
    var isHTTP10 = false
    var body = BodyLength.none
    var keepAlive = true
    var expectsContinue = false
    var hasIdempotencyKey = false
    /// The time that the client gives, in milliseconds.
    var timeoutMilliseconds: Int?
    var hasTraceparent = false

    /// Whether sending the request twice does no harm.
    var isRepeatable: Bool { method.isIdempotent || hasIdempotencyKey }

    /// Lets go of the bytes, and keeps the room for the next head.
    mutating func reset() {
        let room = fields
        fields = []
        self = RequestHead()
        fields = room
        fields.removeAll(keepingCapacity: true)
    }

    /// Reads the head that is `bytes`, whose last four bytes are CR LF CR LF.
    mutating func parse(_ head: ByteBuffer, settings: GatewaySettings) throws(RequestFault) {
        reset()
        bytes = head
        let fault: RequestFault? = head.withUnsafeReadableBytes { bytes in
            do throws(RequestFault) {
                let fieldsStart = try parseRequestLine(bytes, maxTarget: settings.maxTargetBytes)
                do throws(FieldFault) {
                    try Field.parse(
                        bytes, from: fieldsStart, to: bytes.count - 2, atMost: settings.maxHeaderFields, into: &fields)
                } catch {
                    throw error == .tooMany ? .tooManyFields : .malformedField
                }
                try understandFields(bytes)
                return nil
            } catch {
                return error
            }
        }
        if let fault { throw fault }
    }
}
