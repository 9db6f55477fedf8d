/// What a connection offers its peer. `HTTP2Limits` says what it puts up with.
public struct HTTP2Configuration: Sendable {
    /// Streams that a client may have open at once; one more is refused with REFUSED_STREAM. 1 to 2³¹ − 1.
    public var maxConcurrentStreams = 1_000
    /// Bytes that the peer may send on a stream before the reader has taken them: what an unread stream may hold.
    /// 1 to 2³¹ − 1.
    public var streamWindow = 256 * 1024
    /// Bytes that the peer may send on all streams in one round trip. They are given back as they arrive, so that a
    /// stream that is not read holds up no other. 65,535 to 2³¹ − 1.
    public var connectionWindow = 4 * 1024 * 1024
    /// Bytes of all streams that may wait for their readers; from there on the connection's window is given back only
    /// as they are taken. At least `connectionWindow`.
    public var maxUnreadBytes = 32 * 1024 * 1024
    /// The largest frame that we take. 16,384 to 2²⁴ − 1.
    public var maxFrameSize = 16_384
    /// Bytes of the table with which the peer compresses its fields. 0 to 65,536.
    public var headerTableSize = 4_096
    /// Bytes that may wait on a stream before its writer is told to stop. The call that passes it is still taken whole.
    public var streamQueueBytes = 64 * 1024
    /// Bytes of output that may wait for the transport: beyond it DATA stays in its streams' queues, and at four times
    /// as much `wantsInput` is false, so that a peer that does not read is not read either.
    public var outputBytes = 128 * 1024
    public var limits = HTTP2Limits()

    public init() {}
}
