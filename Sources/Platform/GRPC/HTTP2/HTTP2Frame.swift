import NIOCore

/// The types of frames (RFC 9113, section 6).
enum HTTP2FrameType {
    static let data: UInt8 = 0x0
    static let headers: UInt8 = 0x1
    static let priority: UInt8 = 0x2
    static let resetStream: UInt8 = 0x3
    static let settings: UInt8 = 0x4
    static let pushPromise: UInt8 = 0x5
    static let ping: UInt8 = 0x6
    static let goAway: UInt8 = 0x7
    static let windowUpdate: UInt8 = 0x8
    static let continuation: UInt8 = 0x9
}

enum HTTP2Flags {
    static let none: UInt8 = 0
    /// Of SETTINGS and PING.
    static let ack: UInt8 = 0x1
    /// Of DATA and HEADERS.
    static let endStream: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    static let padded: UInt8 = 0x8
    static let priority: UInt8 = 0x20
}

/// The nine bytes in front of every frame (RFC 9113, section 4.1).
struct HTTP2FrameHeader {
    static let size = 9

    var length: Int
    var type: UInt8
    var flags: UInt8
    var streamID: UInt32

    @inline(__always)
    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

    /// `bytes` are at least nine.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        let first = UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))
        length = Int(first >> 8)
        type = UInt8(truncatingIfNeeded: first)
        flags = bytes[4]
        // The reserved bit is ignored.
        streamID = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 5, as: UInt32.self)) & 0x7FFF_FFFF
    }

    @inline(__always)
    static func write(
        length: Int, type: UInt8, flags: UInt8, streamID: UInt32, to output: UnsafeMutableRawPointer
    ) {
        output.storeBytes(of: (UInt32(truncatingIfNeeded: length) << 8 | UInt32(type)).bigEndian, as: UInt32.self)
        output.storeBytes(of: flags, toByteOffset: 4, as: UInt8.self)
        output.storeBytes(of: streamID.bigEndian, toByteOffset: 5, as: UInt32.self)
    }
}

extension ByteBuffer {
    /// Appends a frame whose payload is a few integers: the header, then `value` in big endian.
    mutating func writeFrame<Value: FixedWidthInteger>(
        _ type: UInt8, flags: UInt8 = HTTP2Flags.none, streamID: UInt32, _ value: Value
    ) {
        let size = Value.bitWidth / 8
        writeWithUnsafeMutableBytes(minimumWritableBytes: HTTP2FrameHeader.size + size) { bytes in
            let base = bytes.baseAddress!
            HTTP2FrameHeader.write(length: size, type: type, flags: flags, streamID: streamID, to: base)
            base.storeBytes(of: value.bigEndian, toByteOffset: HTTP2FrameHeader.size, as: Value.self)
            return HTTP2FrameHeader.size + size
        }
    }

    mutating func writeFrameHeader(length: Int, _ type: UInt8, flags: UInt8, streamID: UInt32) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: HTTP2FrameHeader.size) { bytes in
            HTTP2FrameHeader.write(length: length, type: type, flags: flags, streamID: streamID, to: bytes.baseAddress!)
            return HTTP2FrameHeader.size
        }
    }
}
