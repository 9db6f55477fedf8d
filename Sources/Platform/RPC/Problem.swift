import Foundation

/// What went wrong with a request, as RFC 9457 writes it: the one error format of every service and of the gateway.
///
/// Thrown in a handler it becomes the response; a `ServiceClient` throws the problem that the other service answered.
public struct Problem: Error, Hashable, Sendable {
    /// A URI for this kind of problem: `about:blank` when the status says it all, or `urn:apus:problem:<slug>`.
    public var type: String
    /// The kind in a few words; the same for every occurrence.
    public var title: String
    /// The HTTP status, 400 to 599.
    public var status: Int
    /// This occurrence, for the person who has to mend the request.
    public var detail: String?
    /// This occurrence's name; the host fills in `urn:trace:<trace id>`, by which the logs can be searched.
    public var instance: String?
    /// Further members, such as `field` or `limit`.
    public var extensions: [String: JSONValue]
    /// Header fields that belong to the answer (`Allow`, `Retry-After`, `WWW-Authenticate`); not part of the JSON.
    public var headers: [String: String]
    /// Whether the call did not come to the work of the service: its host did not let it in, or this side did not send it.
    /// That says nothing about whether the service works. A `ServiceClient` sets it; it is not sent on.
    public internal(set) var isBeforeWork = false

    public init(
        status: Int, type: String = "about:blank", title: String? = nil, detail: String? = nil,
        instance: String? = nil, extensions: [String: JSONValue] = [:], headers: [String: String] = [:]
    ) {
        self.type = type
        self.title = title ?? Self.phrase(of: status)
        self.status = status
        self.detail = detail
        self.instance = instance
        self.extensions = extensions
        self.headers = headers
    }

    /// A kind of problem of Apus: type `urn:apus:problem:<slug>`.
    public init(
        _ slug: String, status: Int, title: String? = nil, detail: String? = nil,
        extensions: [String: JSONValue] = [:], headers: [String: String] = [:]
    ) {
        self.init(
            status: status, type: "urn:apus:problem:\(slug)", title: title, detail: detail, extensions: extensions,
            headers: headers)
    }

    /// The content type of an encoded problem.
    public static let contentType = "application/problem+json"

    /// The slug of a type of Apus's own; nil for another type.
    public var slug: String? {
        let prefix = "urn:apus:problem:"
        return type.hasPrefix(prefix) ? String(type.dropFirst(prefix.count)) : nil
    }

    /// The JSON, members sorted by name.
    public func encoded() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        guard let data = try? encoder.encode(self) else { return Array("{\"status\":\(status)}".utf8) }
        return Array(data)
    }

    /// How long the caller should wait before it tries again, when the answer says so.
    public var retryAfter: Duration? {
        guard let text = headers["Retry-After"] ?? headers["retry-after"], let seconds = Int64(text), seconds >= 0
        else { return nil }
        return .seconds(min(seconds, 86_400))
    }

    static func phrase(of status: Int) -> String {
        phrases[status] ?? (status < 500 ? "Request Refused" : "Server Error")
    }

    private static let phrases: [Int: String] = [
        400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
        405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
        411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large", 414: "URI Too Long",
        415: "Unsupported Media Type", 417: "Expectation Failed", 421: "Misdirected Request",
        422: "Unprocessable Content", 428: "Precondition Required", 429: "Too Many Requests",
        431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
        502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
    ]
}

extension Problem: CustomStringConvertible {
    public var description: String {
        "\(status) \(title)" + (detail.map { ": \($0)" } ?? "")
    }
}
