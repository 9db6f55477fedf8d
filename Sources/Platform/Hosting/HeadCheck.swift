import ApusRPC
import NIOHTTP1

/// What is wrong with a request's head, before anybody looks at what it asks for.
enum HeadCheck {
    static func problem(of head: HTTPRequestHead, limits: RequestGate.Limits) -> Problem? {
        if head.uri.utf8.count > limits.targetBytes { return .uriTooLong(limit: limits.targetBytes) }
        // Four bytes of each field are the colon, the space and the line end.
        let size = head.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
        if size > limits.headerBytes { return .headersTooLarge(limit: limits.headerBytes) }
        guard head.version == .http1_1 || head.version == .http1_0 else {
            return versionProblem
        }
        return host(head) ?? framing(head, limits: limits) ?? expectation(head)
    }

    /// What the decoder found.
    static func problem(of error: any Error, limits: RequestGate.Limits) -> Problem {
        switch error {
        case HTTPParserError.headerOverflow: .headersTooLarge(limit: limits.headerBytes)
        case HTTPParserError.invalidVersion: versionProblem
        case HTTPParserError.invalidMethod: .badRequest("The request line has an unknown method.")
        default: .badRequest("The request is not valid HTTP/1.1.")
        }
    }

    /// Not 505: what a client does wrong is no error of the server's, and would count as one in every dashboard.
    private static let versionProblem = Problem.badRequest(
        "The HTTP version is not supported; this service speaks HTTP/1.1.")

    /// RFC 9112, section 3.2.
    private static func host(_ head: HTTPRequestHead) -> Problem? {
        let count = head.headers[canonicalForm: "host"].count
        if count > 1 { return .badRequest("There is more than one Host field.") }
        if count == 0, head.version == .http1_1 { return .badRequest("The Host field is missing.") }
        return nil
    }

    /// RFC 9112, section 6: what two readers could cut in two ways is not read at all.
    private static func framing(_ head: HTTPRequestHead, limits: RequestGate.Limits) -> Problem? {
        let codings = head.headers["transfer-encoding"]
        let lengths = head.headers["content-length"]
        if !codings.isEmpty {
            guard head.version == .http1_1, lengths.isEmpty else {
                return .badRequest("Transfer-Encoding is not allowed here.")
            }
            guard codings.count == 1, codings[0].lowercased() == "chunked" else {
                return .badRequest("The only transfer coding is chunked.")
            }
        }
        guard let text = lengths.first else { return nil }
        guard lengths.count == 1, !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return .badRequest("Content-Length is not a number.")
        }
        guard let length = Int(text), length <= limits.bodyBytes else {
            return .payloadTooLarge(limit: limits.bodyBytes)
        }
        return nil
    }

    private static func expectation(_ head: HTTPRequestHead) -> Problem? {
        guard let expected = head.headers["expect"].first, expected.lowercased() != "100-continue" else { return nil }
        return Problem(status: 417, detail: "The only expectation is 100-continue.")
    }
}
