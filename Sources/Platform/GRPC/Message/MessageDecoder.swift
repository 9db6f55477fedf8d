import NIOCore

/// Takes messages out of a stream's data: a flag of one byte, a length of four, and the message (gRPC over HTTP/2,
/// "Length-Prefixed-Message"). Pure; messages that came in one piece are not copied.
struct MessageDecoder {
    /// Of one message, as it comes and as it is when decompressed; in bytes.
    let limit: Int
    /// What `grpc-encoding` said.
    var encoding = MessageEncoding.identity
    private var pending = ByteBuffer()

    static let prefixBytes = 5

    init(limit: Int) {
        self.limit = limit
    }

    /// Bytes of a message that has not come whole.
    var pendingBytes: Int { pending.readableBytes }

    mutating func append(_ data: ByteBuffer) {
        if pending.readableBytes == 0 {
            pending = data
            return
        }
        var data = data
        if pending.readerIndex > 0 {
            // Messages were taken out of it: what is left moves to storage of its own, or they would keep each other's alive.
            var rest = ByteBuffer()
            rest.reserveCapacity(pending.readableBytes + data.readableBytes)
            rest.writeBuffer(&pending)
            pending = rest
        }
        pending.writeBuffer(&data)
    }

    /// The next message; nil when it has not come whole.
    ///
    /// - Throws: `.resourceExhausted` as soon as the length is known to be above the limit, `.internalError` for a bad flag,
    ///   `.unimplemented` for a compressed message without a known encoding.
    mutating func next() throws(GRPCError) -> ByteBuffer? {
        guard pending.readableBytes >= Self.prefixBytes else { return nil }
        let start = pending.readerIndex
        let flag: UInt8 = pending.getInteger(at: start)!
        let length = Int(pending.getInteger(at: start + 1, as: UInt32.self)!)
        guard length <= limit else { throw MessageLimit.receivedTooLarge(length, limit: limit) }
        guard flag <= 1 else {
            throw GRPCError(.internalError, "a message has the flag \(flag)", reach: .answered)
        }
        guard pending.readableBytes >= Self.prefixBytes + length else { return nil }
        pending.moveReaderIndex(forwardBy: Self.prefixBytes)
        let message = pending.readSlice(length: length)!
        if pending.readableBytes == 0 { pending = ByteBuffer() }
        guard flag == 1 else { return message }
        switch encoding {
        case .gzip: return try Gzip.decompress(message, limit: limit)
        case .identity:
            throw GRPCError(.internalError, "a message is compressed and no encoding was named", reach: .answered)
        }
    }

    /// Takes the one message of a unary call, when it has come whole.
    ///
    /// - Throws: as `next`, and `.internalError` when there is a second message.
    mutating func takeOnly(into message: inout ByteBuffer?) throws(GRPCError) {
        while let next = try next() {
            guard message == nil else { throw GRPCError(.internalError, "a second message in a unary call") }
            message = next
        }
    }
}
