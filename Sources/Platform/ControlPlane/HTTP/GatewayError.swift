import ApusGRPC
import NIOCore
import NIOHTTP1
import SwiftProtobuf

/// A failure as etcd's gateway tells it: the status of gRPC, and the status of HTTP that stands for it.
struct GatewayError {
    let code: GRPCCode
    let message: String

    /// - Parameter isStream: what is wrong with the messages of a stream has no code of its own there.
    init(_ error: any Error, isStream: Bool = false) {
        switch error {
        case let flaw as JSONScanner.Flaw:
            (code, message) = (isStream ? .unknown : .invalidArgument, flaw.message)
        case let error as GRPCError: (code, message) = (error.code, error.message)
        case is JSONDecodingError, is GatewayRoute.BadValue:
            (code, message) = (isStream ? .unknown : .invalidArgument, "\(error)")
        case is CancellationError: (code, message) = (.cancelled, "context canceled")
        default: (code, message) = (.unknown, "\(error)")
        }
    }

    var status: HTTPResponseStatus {
        switch code {
        case .cancelled: .requestTimeout
        case .invalidArgument, .failedPrecondition, .outOfRange: .badRequest
        case .deadlineExceeded: .gatewayTimeout
        case .notFound: .notFound
        case .alreadyExists, .aborted: .conflict
        case .permissionDenied: .forbidden
        case .unauthenticated: .unauthorized
        case .resourceExhausted: .tooManyRequests
        case .unimplemented: .notImplemented
        case .unavailable: .serviceUnavailable
        default: .internalServerError
        }
    }

    var response: HTTPResponse {
        let text = JSONString.quoted(message)
        return HTTPResponse(
            status, type: "application/json",
            ByteBuffer(string: "{\"error\":\(text),\"code\":\(code.rawValue),\"message\":\(text)}"))
    }

    /// Within a stream that has begun.
    var line: String {
        "{\"error\":{\"grpc_code\":\(code.rawValue),\"http_code\":\(status.code),\"message\":\(JSONString.quoted(message))"
            + ",\"http_status\":\(JSONString.quoted(status.reasonPhrase))}}\n"
    }
}

/// Text as a JSON string.
enum JSONString {
    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u00\(hex.count < 2 ? "0" : "")\(hex)"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
