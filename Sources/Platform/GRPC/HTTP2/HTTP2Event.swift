public import NIOCore

/// What happened on a connection, in the order in which it happened.
///
/// For each stream: `headers` first (and `informational` before it, at a client), then `data`, then `trailers` where the
/// peer sent any, and `closed` exactly once and last, on every stream, whichever side ended it and however.
public enum HTTP2Event: Sendable {
    /// A request (at a server; it opens the stream) or the final response (at a client) begins. The pseudo fields are
    /// there and valid, as RFC 9113, section 8.3 requires. `endStream`: there is no body.
    case headers(HTTP2Stream, HTTP2Headers, endStream: Bool)
    /// At a client: a 1xx response; the final one follows.
    case informational(HTTP2Stream, HTTP2Headers)
    /// Bytes of the body, as they arrived: a piece may be part of a DATA frame, and may be empty when `endStream` is set.
    /// Give the bytes back with `consumed` when whoever they are for has taken them, or the peer stops after a window.
    case data(HTTP2Stream, ByteBuffer, endStream: Bool)
    /// The peer's last fields; it sends nothing more on the stream.
    case trailers(HTTP2Stream, HTTP2Headers)
    /// A stream whose queue was full takes data again.
    case writable(HTTP2Stream)
    /// The stream is over; its slot may belong to another stream from the next event on.
    case closed(HTTP2Stream, HTTP2CloseReason)
    /// The peer's settings have changed (`peer…` of the connection tells them).
    case settingsChanged
    /// The peer asked whether we are there, and was answered.
    case pinged
    /// The answer to our ping with these opaque bytes.
    case ponged(UInt64)
    /// The peer shuts down: streams above `lastStreamID` were never looked at (their `closed` events say so), the others
    /// go on. `debugData` is what it said about it, at most `HTTP2Limits.debugDataBytes` of it.
    case goingAway(lastStreamID: UInt32, HTTP2ErrorCode, debugData: ByteBuffer)
    /// The last stream of a connection that shuts down has closed: write what is left, then close.
    case drained
    /// The connection has ended, by an error of the peer (GOAWAY is in the output) or by the transport's end. Every open
    /// stream was closed before this event. Nothing follows: write what is left, then close.
    case failed(HTTP2Failure)
}

/// How a stream ended.
public enum HTTP2CloseReason: Hashable, Sendable {
    /// Both sides said all that they wanted to.
    case completed
    /// The peer sent RST_STREAM.
    case resetByPeer(HTTP2ErrorCode)
    /// We sent RST_STREAM: by `reset`, or because the peer broke a rule of RFC 9113 on this stream.
    case resetByUs(HTTP2Failure)
    /// At a client: the peer's GOAWAY or REFUSED_STREAM says that it never looked at the request. Safe to send again elsewhere.
    case refused
    /// The connection ended first.
    case connectionLost
}
