/// Whether doing a call twice is like doing it once.
public enum RetrySafety: String, Hashable, Sendable, CaseIterable, Codable {
    /// It is, by what the call does: it reads, or it sets what is set again to the same.
    case safe
    /// It is, because the call carries a key by which the callee knows it again.
    case idempotentByKey = "idempotent-by-key"
    /// It is not: only what has certainly not begun is tried again.
    case never

    /// That of an HTTP request: RFC 9110, section 9.2.2, and the header `Idempotency-Key`.
    ///
    /// - Parameter method: in capitals.
    public init(method: String, hasIdempotencyKey: Bool = false) {
        switch method {
        case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE": self = .safe
        default: self = hasIdempotencyKey ? .idempotentByKey : .never
        }
    }

    /// What `RetryDecision.standard` says, as far as it is safe.
    ///
    /// - Parameter notBegun: whether the callee has certainly not begun with the call: nothing listens there, or it said
    ///   so. Refusals of this module, made before anything was sent, are known.
    public func decision(on error: any Error, notBegun: Bool = false) -> RetryDecision {
        guard self == .never, !notBegun else { return .standard(error) }
        return (error as? ResilienceError)?.isBeforeSending == true ? .standard(error) : .stop
    }
}

extension ResilienceError {
    /// Whether the call was refused before any attempt of it was sent.
    public var isBeforeSending: Bool {
        guard cause == nil else { return false }
        switch code.rawValue {
        case "circuit-open", "throttled", "rate-limited", "bulkhead-full", "overloaded": return true
        default: return false
        }
    }
}
