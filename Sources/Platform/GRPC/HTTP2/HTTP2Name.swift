/// The field names that gRPC and HTTP/2 itself look at; all others are `other`.
///
/// A decoder finds out once which one a name is (and HPACK's tables remember it), so that nobody compares names again.
public enum HTTP2Name: UInt8, CaseIterable, Sendable {
    case other
    case method
    case scheme
    case authority
    case path
    case status
    case contentType
    case te
    case userAgent
    case contentLength
    case grpcTimeout
    case grpcEncoding
    case grpcAcceptEncoding
    case grpcStatus
    case grpcMessage
    case grpcStatusDetails
    case grpcPreviousAttempts
    case grpcRetryPushback
    case traceparent
    case authorization
    case host

    /// The name on the wire; empty for `other`.
    public var text: StaticString {
        switch self {
        case .other: ""
        case .method: ":method"
        case .scheme: ":scheme"
        case .authority: ":authority"
        case .path: ":path"
        case .status: ":status"
        case .contentType: "content-type"
        case .te: "te"
        case .userAgent: "user-agent"
        case .contentLength: "content-length"
        case .grpcTimeout: "grpc-timeout"
        case .grpcEncoding: "grpc-encoding"
        case .grpcAcceptEncoding: "grpc-accept-encoding"
        case .grpcStatus: "grpc-status"
        case .grpcMessage: "grpc-message"
        case .grpcStatusDetails: "grpc-status-details-bin"
        case .grpcPreviousAttempts: "grpc-previous-rpc-attempts"
        case .grpcRetryPushback: "grpc-retry-pushback-ms"
        case .traceparent: "traceparent"
        case .authorization: "authorization"
        case .host: "host"
        }
    }

    var isPseudo: Bool { rawValue >= Self.method.rawValue && rawValue <= Self.status.rawValue }
}
