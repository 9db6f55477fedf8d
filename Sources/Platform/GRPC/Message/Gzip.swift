import CZlib
import NIOCore

/// gzip (RFC 1952) of single messages, by zlib.
enum Gzip {
    /// Level 6, as the other implementations of gRPC.
    private static let level: Int32 = 6
    /// 15 bits of window, and 16 that say gzip.
    private static let windowBits: Int32 = 15 + 16
    private static let memoryLevel: Int32 = 8
    private static let chunk = 16 * 1024

    static func compress(_ message: ByteBuffer) throws(GRPCError) -> ByteBuffer {
        var stream = z_stream()
        guard
            deflateInit2_(
                &stream, level, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { throw GRPCError(.internalError, "zlib cannot compress", reach: .notSent) }
        defer { deflateEnd(&stream) }
        var output = ByteBuffer()
        let bound = Int(deflateBound(&stream, UInt(message.readableBytes)))
        let result = message.withUnsafeReadableBytes { input in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { space in
                stream.next_in = UnsafeMutablePointer(
                    mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
                stream.avail_in = UInt32(input.count)
                stream.next_out = space.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_out = UInt32(space.count)
                _ = deflate(&stream, Z_FINISH)
                return space.count - Int(stream.avail_out)
            }
        }
        guard result > 0, stream.avail_in == 0 else {
            throw GRPCError(.internalError, "zlib did not compress", reach: .notSent)
        }
        return output
    }

    /// - Parameter limit: of the message that comes out, in bytes; nothing much beyond it is ever made.
    /// - Throws: `.resourceExhausted` for a larger one, `.internalError` for what is not gzip.
    static func decompress(_ compressed: ByteBuffer, limit: Int) throws(GRPCError) -> ByteBuffer {
        var stream = z_stream()
        guard inflateInit2_(&stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw GRPCError(.internalError, "zlib cannot decompress", reach: .answered)
        }
        defer { inflateEnd(&stream) }
        var output = ByteBuffer()
        var status = Z_OK
        compressed.withUnsafeReadableBytes { input in
            stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.avail_in = UInt32(input.count)
            while status == Z_OK, output.readableBytes <= limit {
                let made = output.writeWithUnsafeMutableBytes(minimumWritableBytes: chunk) { space in
                    let room = min(space.count, max(limit + 1 - stream.madeBytes, 1))
                    stream.next_out = space.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.avail_out = UInt32(room)
                    status = inflate(&stream, Z_NO_FLUSH)
                    return room - Int(stream.avail_out)
                }
                if made == 0, status == Z_OK { status = Z_BUF_ERROR }
            }
        }
        guard output.readableBytes <= limit else { throw MessageLimit.tooLarge("a decompressed message", limit: limit) }
        guard status == Z_STREAM_END, stream.avail_in == 0 else {
            throw GRPCError(.internalError, "a compressed message is not valid gzip", reach: .answered)
        }
        return output
    }
}

extension z_stream {
    fileprivate var madeBytes: Int { Int(total_out) }
}
