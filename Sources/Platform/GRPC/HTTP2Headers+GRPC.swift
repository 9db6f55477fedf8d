import ApusPrimitives
import SwiftProtobuf

/// Status and metadata as fields.
extension HTTP2Headers {
    mutating func append(_ metadata: GRPCMetadata) {
        for entry in metadata.entries {
            switch entry.value {
            case .text(let text): append(name: entry.name, value: text)
            case .binary(let bytes):
                append(name: entry.name, value: String(decoding: Base64.encode(bytes), as: UTF8.self))
            }
        }
    }

    mutating func append(status error: GRPCError) {
        append(.grpcStatus, String(error.code.rawValue))
        if !error.message.isEmpty {
            append(
                .grpcMessage, String(decoding: PercentCoding.encode(error.message), as: UTF8.self), indexing: .literal)
        }
        if let pushback = error.retryPushback {
            append(.grpcRetryPushback, String(pushback.nanoseconds / 1_000_000), indexing: .literal)
        }
        guard !error.details.isEmpty else { return }
        let status = Google_Rpc_Status.with {
            $0.code = Int32(truncatingIfNeeded: error.code.rawValue)
            $0.message = error.message
            $0.details = error.details
        }
        guard let bytes: [UInt8] = try? status.serializedBytes() else { return }
        append(.grpcStatusDetails, String(decoding: Base64.encode(bytes), as: UTF8.self), indexing: .literal)
    }

    /// The status of a call that did not end with OK; nil for OK. Nil too where there is no status: see `hasStatus`.
    func status(reach: GRPCError.Reach) -> GRPCError? {
        let code = withValue(of: .grpcStatus) { GRPCCode(header: $0) } ?? .unknown
        if code == .ok { return nil }
        let message = withValue(of: .grpcMessage) { PercentCoding.decode(Array($0)) } ?? ""
        var error = GRPCError(code, message, metadata: metadata, reach: reach)
        if let text = string(.grpcRetryPushback) {
            // What is not a number asks for no further attempt (A6).
            error.retryPushback = .milliseconds(Int64(text) ?? -1)
        }
        if let bytes = withValue(of: .grpcStatusDetails, { Base64.decode($0) }) ?? nil,
            let status = try? Google_Rpc_Status(serializedBytes: bytes)
        {
            error.details = status.details
        }
        return error
    }

    /// As `metadata[name]`.
    func metadataText(_ name: StaticString) -> String? {
        for index in 0..<count {
            switch known(at: index) {
            case .other, .traceparent, .authorization:
                if withName(at: index, { $0.equals(name) }) { return value(at: index) }
            default: break
            }
        }
        return nil
    }

    /// What is not gRPC's own.
    var metadata: GRPCMetadata {
        var metadata = GRPCMetadata()
        for index in 0..<count {
            switch known(at: index) {
            case .other, .traceparent, .authorization:
                _ = metadata.receive(name: name(at: index), value: value(at: index))
            default: break
            }
        }
        return metadata
    }
}
