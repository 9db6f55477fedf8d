import NIOCore

/// Collects small writes into one, so that a head and a short body cost one system call. Large pieces are passed on as
/// they are, without copying. A class, since a flush may call back into whoever is flushing.
final class Output {
    /// Pieces up to this size are copied together.
    static let maxCopy = 8 << 10
    /// What is collected is written when it reaches this size.
    static let maxPending = 16 << 10

    private var pending: ByteBuffer
    private var needsFlush = false

    init(_ allocator: ByteBufferAllocator) {
        pending = allocator.buffer(capacity: 1024)
    }

    /// What has been appended and not yet handed to the channel.
    var pendingBytes: Int { pending.readableBytes }

    /// Appends what `body` writes.
    @inline(__always)
    func append(_ body: (inout ByteBuffer) -> Void) {
        body(&pending)
    }

    /// Appends a piece of a body, as a chunk of the chunked coding if asked for.
    func append(_ piece: ByteBuffer, chunked: Bool, to context: ChannelHandlerContext) {
        if chunked { pending.writeString(String(piece.readableBytes, radix: 16) + "\r\n") }
        if piece.readableBytes <= Self.maxCopy {
            pending.writeImmutableBuffer(piece)
        } else {
            writePending(to: context)
            needsFlush = true
            context.write(NIOAny(piece), promise: nil)
        }
        if chunked { pending.writeStaticString("\r\n") }
        if pending.readableBytes >= Self.maxPending { writePending(to: context) }
    }

    /// Hands everything to the channel and to the kernel, and uses the memory again when both have let go of it.
    func flush(to context: ChannelHandlerContext) {
        var written = pending
        pending = ByteBuffer()
        if written.readableBytes > 0 {
            needsFlush = true
            context.write(NIOAny(written), promise: nil)
        }
        if needsFlush {
            needsFlush = false
            context.flush()
        }
        guard pending.capacity == 0 else { return }
        if written.capacity <= 2 * Self.maxPending {
            written.clear()
            pending = written
        }
    }

    private func writePending(to context: ChannelHandlerContext) {
        guard pending.readableBytes > 0 else { return }
        let written = pending
        pending = ByteBuffer()
        needsFlush = true
        context.write(NIOAny(written), promise: nil)
    }
}
