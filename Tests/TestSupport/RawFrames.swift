/// Frames of HTTP/2 by hand, with fields in plain literals.
public enum RawFrames {
    public static func frame(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        let length = payload.count
        return [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), type, flags]
            + integer(stream) + payload
    }

    public static func integer(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)]
    }

    public static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    public static let settings = frame(4)
    public static let settingsAck = frame(4, flags: 1)

    public static func goAway(last: UInt32, code: UInt32 = 0) -> [UInt8] { frame(7, integer(last) + integer(code)) }
    public static func reset(_ stream: UInt32, code: UInt32) -> [UInt8] { frame(3, stream: stream, integer(code)) }
    public static func window(_ stream: UInt32, _ increment: UInt32) -> [UInt8] {
        frame(8, stream: stream, integer(increment))
    }

    public static func ping(flags: UInt8 = 0) -> [UInt8] { frame(6, flags: flags, [UInt8](repeating: 1, count: 8)) }

    /// A literal field without indexing; names and values of less than 127 bytes.
    public static func field(_ name: String, _ value: String) -> [UInt8] {
        [0, UInt8(name.utf8.count)] + name.utf8 + [UInt8(value.utf8.count)] + value.utf8
    }

    /// - Parameter more: fields after those of a call.
    public static func headers(_ path: String, stream: UInt32, endStream: Bool = false, more: [UInt8] = []) -> [UInt8] {
        let block =
            field(":method", "POST") + field(":scheme", "http") + field(":path", path) + field("te", "trailers")
            + field("content-type", "application/grpc") + more
        return frame(1, flags: endStream ? 5 : 4, stream: stream, block)
    }

    /// A whole unary call; `body` with its prefix.
    public static func call(_ path: String, stream: UInt32, body: [UInt8]) -> [UInt8] {
        headers(path, stream: stream) + frame(0, flags: 1, stream: stream, body)
    }

    /// The frames in `bytes`, by type and flags; what is not whole is left out.
    public static func parse(_ bytes: [UInt8]) -> [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] {
        var frames: [(UInt8, UInt8, UInt32, [UInt8])] = []
        var at = 0
        while at + 9 <= bytes.count {
            let length = Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
            guard at + 9 + length <= bytes.count else { break }
            let stream = bytes[at + 5..<at + 9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            frames.append((bytes[at + 3], bytes[at + 4], stream, Array(bytes[at + 9..<at + 9 + length])))
            at += 9 + length
        }
        return frames
    }
}
