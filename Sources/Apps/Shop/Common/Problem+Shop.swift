import ApusRPC

/// The kinds of problem that several services of the shop answer with.
extension Problem {
    /// 422: fields that cannot be accepted. Never empty.
    static func invalidFields(_ errors: [FieldError]) -> Problem {
        Problem(
            "invalid-fields", status: 422, title: "Invalid Fields",
            detail: errors.map { "\"\($0.field)\" \($0.detail)" }.joined(separator: "; ") + ".",
            extensions: [
                "field": .string(errors.first?.field ?? ""),
                "errors": .array(
                    errors.map { .object(["field": .string($0.field), "detail": .string($0.detail)]) }),
            ])
    }

    /// 401, the same for an address that nobody has and a password that is wrong.
    static let invalidCredentials = Problem(
        "invalid-credentials", status: 401, title: "Invalid Credentials",
        detail: "The e-mail address or the password is wrong.",
        headers: ["WWW-Authenticate": #"Bearer realm="shop""#])

    /// 401: there is no token at all (RFC 6750, 3.1: then without an error code).
    static let tokenMissing = Problem(
        "token-missing", status: 401, title: "Token Missing",
        detail: "Send the access token in the field Authorization: Bearer <token>.",
        headers: ["WWW-Authenticate": #"Bearer realm="shop""#])

    /// 401: the token is not accepted.
    static func invalidToken(_ detail: String) -> Problem {
        Problem(
            "invalid-token", status: 401, title: "Invalid Token", detail: "It is refused: \(detail).",
            headers: [
                "WWW-Authenticate":
                    #"Bearer realm="shop", error="invalid_token", error_description="\#(detail)""#
            ])
    }

    /// 503: a bounded line is full.
    static func busy(_ detail: String, policy: String, retryAfterSeconds: Int64) -> Problem {
        .unavailable(detail, policy: policy, retryAfter: .seconds(retryAfterSeconds))
    }

    /// 409: another coordinator has taken the order over; whoever gets this must stop working on it.
    static func staleFencingToken(given: Int64, highest: Int64) -> Problem {
        Problem(
            "stale-fencing-token", status: 409, title: "Stale Fencing Token",
            detail: "The fencing token \(given) is older than \(highest), which has been seen for this order.",
            extensions: ["fencing_token": .integer(given), "highest_fencing_token": .integer(highest)])
    }
}
