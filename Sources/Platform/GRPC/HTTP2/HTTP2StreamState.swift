import NIOCore

/// What a connection keeps for a stream (RFC 9113, section 5.1). A stream is idle before it has a slot, and closed when
/// `isClosed` is set or it has none any more.
struct HTTP2StreamState: Sendable {
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16

        /// The request or the final response has begun in this direction.
        static let headReceived = Flags(rawValue: 1 << 0)
        static let headSent = Flags(rawValue: 1 << 1)
        /// The peer has ended its direction: half-closed (remote).
        static let endReceived = Flags(rawValue: 1 << 2)
        /// The application has ended its direction; what is queued is still sent.
        static let endQueued = Flags(rawValue: 1 << 3)
        /// END_STREAM is in the output: half-closed (local).
        static let endSent = Flags(rawValue: 1 << 4)
        /// The `closed` event waits to be taken.
        static let closed = Flags(rawValue: 1 << 5)
        /// The writer was told to stop.
        static let full = Flags(rawValue: 1 << 6)
        /// The response must not have a body (to HEAD; 204 and 304).
        static let bodiless = Flags(rawValue: 1 << 7)
    }

    var id: UInt32
    var flags: Flags = []
    /// In the list of streams that have something to send; belongs to the slot, not to the stream.
    var isListed = false
    /// The next slot of that list, or of the free slots.
    var next: Int32 = -1
    /// What the peer lets us send; below zero when its settings took back what was given.
    var sendWindow: Int
    /// What we let the peer send.
    var receiveWindow: Int
    /// Bytes of DATA that the application has and has not called consumed.
    var unread = 0
    /// Bytes to give back to the peer with the next WINDOW_UPDATE.
    var credit = 0
    /// Bytes of the body that the peer's content-length still promises; -1 when there is none.
    var contentLeft = -1
    var queue = HTTP2SendQueue()
    /// Fields to be sent after the queue.
    var trailers: HTTP2FieldSource?

    init(id: UInt32, sendWindow: Int, receiveWindow: Int) {
        self.id = id
        self.sendWindow = sendWindow
        self.receiveWindow = receiveWindow
    }

    /// Whether there is a frame that the stream's own window allows.
    var canSend: Bool {
        queue.isEmpty ? flags.contains(.endQueued) && !flags.contains(.endSent) : sendWindow > 0
    }
}

/// Fields to be encoded: a template, a list, or the one and then the other.
struct HTTP2FieldSource: Sendable {
    var template: HTTP2Template?
    var list: HTTP2Headers?
}
