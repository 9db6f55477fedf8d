extension Problem {
    /// 400. - Parameter field: the path of the offending member, such as `lines[2].quantity`.
    public static func badRequest(_ detail: String, field: String? = nil) -> Problem {
        Problem(status: 400, detail: detail, extensions: named(field))
    }

    /// 400: the body is not JSON, or not JSON that can be read safely.
    public static func malformedJSON(_ detail: String, line: Int, column: Int) -> Problem {
        Problem(
            "malformed-json", status: 400, title: "Malformed JSON", detail: detail,
            extensions: ["line": .integer(Int64(line)), "column": .integer(Int64(column))])
    }

    /// 401. - Parameter challenge: the `WWW-Authenticate` field.
    public static func unauthorized(_ detail: String, challenge: String = "Bearer") -> Problem {
        Problem(status: 401, detail: detail, headers: ["WWW-Authenticate": challenge])
    }

    /// 403.
    public static func forbidden(_ detail: String) -> Problem {
        Problem(status: 403, detail: detail)
    }

    /// 404.
    public static func notFound(_ detail: String) -> Problem {
        Problem(status: 404, detail: detail)
    }

    /// 405. - Parameter allowed: the methods that the resource has.
    public static func methodNotAllowed(allowed: [String]) -> Problem {
        let list = allowed.joined(separator: ", ")
        return Problem(
            status: 405, detail: "This resource answers to \(list).",
            extensions: ["allow": .array(allowed.map(JSONValue.string))], headers: ["Allow": list])
    }

    /// 408: the client was too slow.
    public static func requestTimeout(_ detail: String) -> Problem {
        Problem(status: 408, detail: detail)
    }

    /// 409.
    public static func conflict(_ detail: String) -> Problem {
        Problem(status: 409, detail: detail)
    }

    /// 413. - Parameter limit: in bytes.
    public static func payloadTooLarge(limit: Int) -> Problem {
        Problem(
            status: 413, detail: "The body may have at most \(limit) bytes.",
            extensions: ["limit_bytes": .integer(Int64(limit))])
    }

    /// 414. - Parameter limit: in bytes.
    public static func uriTooLong(limit: Int) -> Problem {
        Problem(
            status: 414, detail: "The request target may have at most \(limit) bytes.",
            extensions: ["limit_bytes": .integer(Int64(limit))])
    }

    /// 415. - Parameter accepted: the media types that would do.
    public static func unsupportedMediaType(_ given: String?, accepted: [String]) -> Problem {
        let list = accepted.joined(separator: ", ")
        return Problem(
            status: 415,
            detail: given.map { "\($0) is not accepted here; send \(list)." }
                ?? "Content-Type is missing; send \(list).",
            headers: ["Accept": list])
    }

    /// 422: well-formed, but it cannot be meant. - Parameter field: the path of the offending member.
    public static func unprocessable(_ detail: String, field: String? = nil) -> Problem {
        Problem(status: 422, detail: detail, extensions: named(field))
    }

    /// 429.
    public static func tooManyRequests(_ detail: String, retryAfter: Duration? = nil) -> Problem {
        Problem(status: 429, detail: detail).retrying(after: retryAfter)
    }

    /// 431. - Parameter limit: in bytes.
    public static func headersTooLarge(limit: Int) -> Problem {
        Problem(
            status: 431, detail: "The header section may have at most \(limit) bytes.",
            extensions: ["limit_bytes": .integer(Int64(limit))])
    }

    /// 500. Says nothing about the inside; the log does, under the same trace id.
    public static func internalError() -> Problem {
        Problem(status: 500, detail: "The service failed on this request; its log has the reason.")
    }

    /// 502: the other side could not be reached or did not speak HTTP.
    public static func badGateway(_ detail: String) -> Problem {
        Problem(status: 502, detail: detail)
    }

    /// 503. - Parameter policy: which policy refused, such as `concurrency-limit`.
    public static func unavailable(
        _ detail: String, policy: String? = nil, retryAfter: Duration? = nil
    ) -> Problem {
        Problem(status: 503, detail: detail, extensions: policy.map { ["policy": .string($0)] } ?? [:])
            .retrying(after: retryAfter)
    }

    /// 504: the deadline passed first.
    public static func timeout(_ detail: String) -> Problem {
        Problem(status: 504, detail: detail, extensions: ["policy": "deadline"])
    }

    /// The same with a `Retry-After` of whole seconds, rounded up.
    public func retrying(after delay: Duration?) -> Problem {
        guard let delay else { return self }
        var problem = self
        let (seconds, rest) = delay.components
        let whole = max(1, seconds + (rest > 0 ? 1 : 0))
        problem.headers["Retry-After"] = String(whole)
        problem.extensions["retry_after_seconds"] = .integer(whole)
        return problem
    }

    /// Whose failure it is: the member `service`. A service that passes on what another one behind it answered does not
    /// change it.
    public var failedService: String? {
        get { extensions["service"]?.stringValue }
        set { extensions["service"] = newValue.map(JSONValue.string) }
    }

    /// Of a call that was not sent: 503 of this side's own.
    static func notSent(_ detail: String, policy: String, retryAfter: Duration?) -> Problem {
        var problem = Problem.unavailable(detail, policy: policy, retryAfter: retryAfter)
        problem.isBeforeWork = true
        return problem
    }

    private static func named(_ field: String?) -> [String: JSONValue] {
        field.map { ["field": .string($0)] } ?? [:]
    }
}
