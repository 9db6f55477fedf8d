/// A request to another service, as `ServiceClient.send` takes it.
public struct ServiceRequest: Sendable {
    /// In capitals.
    public var method: String
    /// The path and query, beginning with "/". What comes from users belongs in `pathSegment`.
    public var path: String
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]?
    /// Makes a POST safe to repeat; sent as `Idempotency-Key`.
    public var idempotencyKey: String?
    /// Instead of the client's default; the caller's own deadline holds in any case.
    public var timeout: Duration?

    public init(
        _ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: [UInt8]? = nil,
        idempotencyKey: String? = nil, timeout: Duration? = nil
    ) {
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.idempotencyKey = idempotencyKey
        self.timeout = timeout
    }

    /// Whether doing it twice is like doing it once (RFC 9110, section 9.2.2).
    public var isRepeatable: Bool {
        idempotencyKey != nil || ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"].contains(method)
            || headers.contains { $0.name.lowercased() == "idempotency-key" }
    }

    /// Why this cannot be sent to anybody; nil when it can.
    var flaw: String? {
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return "\"\(path)\" is not a path that can be sent"
        }
        guard Self.isToken(method) else { return "\"\(method)\" is not a method" }
        for (name, value) in headers + [("idempotency-key", idempotencyKey ?? "")] {
            guard Self.isToken(name), !value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else {
                return "the header field \"\(name)\" cannot be sent"
            }
        }
        return nil
    }

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// Text as one segment of a path: everything but letters, digits and `-._~` percent-encoded.
    public static func pathSegment(_ text: String) -> String {
        var segment = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                segment.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                segment += "%" + (hex.count == 1 ? "0" + hex : hex)
            }
        }
        // As a whole segment these two would mean another path.
        if segment == "." { return "%2E" }
        if segment == ".." { return "%2E%2E" }
        return segment
    }
}

/// What the other service answered.
public struct ServiceResponse: Sendable {
    public let status: Int
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]
    /// The identifier of the instance that answered.
    public let instance: String

    /// Says, in an answer of 503, that the instance has not begun with the request, so that it may be sent again whatever
    /// its method. A header field and no member of the problem: a service that passes on the problem of another one does
    /// not pass this on.
    public static let unprocessedHeader = "apus-unprocessed"

    /// Names, in an answer of 500 or more, the service that failed, when it is not the one that answers but another behind it,
    /// which did answer. Whoever gets it does not count it against the instance that answered, nor asks another one: each
    /// level that repeats a call multiplies the load on the one that fails. A service that merely could not reach the other
    /// does not send it: that may be its own fault.
    public static let failedServiceHeader = "apus-failed-service"

    /// The first field of that name, in any case.
    public func header(_ name: String) -> String? {
        let name = name.lowercased()
        return headers.first { $0.name.lowercased() == name }?.value
    }

    /// The body as JSON.
    ///
    /// - Throws: `Problem` 502 when it is not what was expected.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        if type is NoContent.Type { return NoContent() as! Value }
        do {
            return try JSONCoding.decode(type, from: body)
        } catch {
            throw Problem.badGateway("The answer of another service could not be read: \(error).")
        }
    }

    /// Whether the host refused the request before it was begun.
    var isUnprocessed: Bool { header(Self.unprocessedHeader) != nil }

    /// The problem that a status of 400 or more stands for.
    public var problem: Problem? {
        guard status >= 400 else { return nil }
        var problem = Problem(status: status)
        let type = header("content-type")?.lowercased() ?? ""
        if type.hasPrefix(Problem.contentType), let sent = try? JSONCoding.decode(Problem.self, from: body) {
            problem = sent
            problem.status = status
        }
        for name in ["Retry-After", "Allow", "WWW-Authenticate"] {
            if let value = header(name) { problem.headers[name] = value }
        }
        problem.isBeforeWork = isUnprocessed
        return problem
    }
}

/// The result type of calls whose answer has no body, or none that matters.
public struct NoContent: Codable, Hashable, Sendable {
    public init() {}
}
