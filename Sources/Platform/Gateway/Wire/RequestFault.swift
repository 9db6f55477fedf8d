/// Why a request is refused before it reaches a service.
enum RequestFault: Error, Hashable, CaseIterable {
    case malformedRequestLine, unsupportedVersion, malformedField, missingHost, repeatedHost, badHost
    case badTarget, ambiguousPath, badContentLength, repeatedContentLength, lengthAndEncoding
    case unsupportedEncoding, malformedChunk
    case targetTooLong, headTooLarge, tooManyFields, bodyTooLarge, unmetExpectation
    case methodRefused, upgradeRefused, headTimeout, bodyTimeout

    /// For `Allow` when the method itself is refused.
    static let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]

    var status: Int {
        switch self {
        case .methodRefused: 405
        case .headTimeout, .bodyTimeout: 408
        case .bodyTooLarge: 413
        case .targetTooLong: 414
        case .unmetExpectation: 417
        case .headTooLarge, .tooManyFields: 431
        default: 400
        }
    }

    var detail: String {
        switch self {
        case .malformedRequestLine: "The request line is not \"method target version\"."
        case .unsupportedVersion: "Only HTTP/1.1 and HTTP/1.0 are spoken here."
        case .malformedField: "A line of the header section is not \"name: value\"."
        case .missingHost: "The Host header is missing."
        case .repeatedHost: "The Host header occurs more than once."
        case .badHost: "The Host header is not a host with an optional port."
        case .badTarget: "The request target is not a path, nor an http URL without user information."
        case .ambiguousPath:
            "The path has dot segments, empty segments, encoded slashes, control characters or broken escapes."
        case .badContentLength: "Content-Length is not a decimal number."
        case .repeatedContentLength: "Content-Length occurs more than once."
        case .lengthAndEncoding: "Content-Length and Transfer-Encoding exclude each other."
        case .unsupportedEncoding: "The only Transfer-Encoding understood here is a single \"chunked\", in HTTP/1.1."
        case .malformedChunk: "The chunked body is malformed."
        case .targetTooLong: "The request target is too long."
        case .headTooLarge: "The header section is too large."
        case .tooManyFields: "The header section has too many fields."
        case .bodyTooLarge: "The body is too large."
        case .unmetExpectation: "The only expectation understood here is \"100-continue\"."
        case .methodRefused: "This method is not taken here."
        case .upgradeRefused: "WebSocket is not carried by this gateway; only HTTP/1.1 requests and responses are."
        case .headTimeout: "The header section did not arrive in time."
        case .bodyTimeout: "The body did not arrive in time."
        }
    }
}
