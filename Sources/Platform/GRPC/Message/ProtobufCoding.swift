import NIOCore
import SwiftProtobuf

/// Messages of swift-protobuf as bytes, and back.
enum ProtobufCoding {
    @Sendable
    static func encode(_ message: some Message) throws -> ByteBuffer {
        let bytes: [UInt8] = try message.serializedBytes()
        return ByteBuffer(bytes: bytes)
    }

    /// - Throws: `.invalidArgument`, because the caller sent it.
    @Sendable
    static func decodeRequest<Request: Message>(_ bytes: ByteBuffer) throws -> Request {
        do {
            return try decode(bytes)
        } catch {
            throw GRPCError(
                .invalidArgument, "the request is not a \(Request.protoMessageName)", reach: .answered, cause: error)
        }
    }

    /// - Throws: `.internalError`, because a server does not send anything else.
    @Sendable
    static func decodeReply<Reply: Message>(_ bytes: ByteBuffer) throws -> Reply {
        do {
            return try decode(bytes)
        } catch {
            throw GRPCError(
                .internalError, "the answer is not a \(Reply.protoMessageName)", reach: .answered, cause: error)
        }
    }

    private static func decode<Value: Message>(_ bytes: ByteBuffer) throws -> Value {
        try bytes.withUnsafeReadableBytes { bytes in
            try Value(serializedBytes: bytes.isEmpty ? [] : Array(bytes))
        }
    }
}
