import NIOCore

/// How messages are compressed on the wire.
public enum MessageEncoding: String, Hashable, Sendable {
    case identity
    case gzip

    /// What `grpc-accept-encoding` says on both sides.
    static let accepted: StaticString = "identity,gzip"

    /// Checks a message that is to be sent, and compresses it.
    ///
    /// - Throws: `.resourceExhausted` above `limit` bytes.
    @inline(__always)
    static func prepare(
        _ message: ByteBuffer, compresses: Bool, limit: Int
    ) throws(GRPCError) -> (bytes: ByteBuffer, isCompressed: Bool) {
        guard message.readableBytes <= limit else {
            throw MessageLimit.tooLarge("a message to send", of: message.readableBytes, limit: limit)
        }
        return compresses ? (try Gzip.compress(message), true) : (message, false)
    }
}
