import NIOCore

/// A field block whose CONTINUATION frames are still to come (RFC 9113, section 6.10).
struct HTTP2HeaderFragments: Sendable {
    var streamID: UInt32
    var endStream: Bool
    var block: ByteBuffer
    var frames = 0
}

/// A DATA frame of which part has been delivered.
struct HTTP2DataProgress: Sendable {
    /// Nil: what comes is dropped.
    var stream: HTTP2Stream?
    var left: Int
    var padding: Int
    var endStream: Bool
}

/// How far a graceful shutdown of this side is.
enum HTTP2Shutdown: Hashable, Sendable {
    case none
    /// GOAWAY with the highest number is sent, and a ping whose answer shows that the peer has seen it (or the timeout,
    /// in nanoseconds, passes): then `announced`.
    case announcing(since: Int64)
    /// GOAWAY with the last stream is sent; drained when the last stream closes.
    case announced
}
