public import ApusPrimitives
import NIOCore

/// One HTTP/2 connection (RFC 9113) as a pure state machine, for either side: bytes and calls in; events, and bytes to
/// write, out. It does no I/O, asks no clock and holds no lock.
///
/// Whoever drives it does, for each burst of bytes that the transport delivers:
///
///     connection.receive(bytes, now: now)
///     while let event = connection.nextEvent() { … }      // which may send, reset, open streams, …
///     while let output = connection.takeOutput() { write it }   // mostly once; then flush
///
/// and calls `nextEvent` until nil, then `takeOutput` until nil, after any other call too, and when the transport takes bytes
/// again. Take output only while it does (its buffer is not above its mark): what waits here is bounded, what waits there
/// is not. While `wantsInput` is false, do not read from the transport. Call `tick` at `nextDeadline`.
public struct HTTP2Connection: ~Copyable, Sendable {
    enum Phase: UInt8 {
        /// A server waits for the client's preface; leaves for `settings`.
        case preface
        /// The first frame must be SETTINGS; leaves for `open`.
        case settings
        /// Frames are read; leaves for `ended` by an error or by the transport's end.
        case open
        /// Nothing is read or opened any more.
        case ended
    }

    public let role: HTTP2Role
    public let configuration: HTTP2Configuration
    /// What the peer's SETTINGS frames said.
    public internal(set) var peer = HTTP2PeerSettings()

    var phase: Phase
    /// The time of the last call that told it, in nanoseconds.
    var now: Int64

    // Receiving.
    var input = ByteBuffer()
    var data: HTTP2DataProgress?
    var fragments: HTTP2HeaderFragments?
    var decoder: HPACKDecoder
    var headers = HTTP2Headers()
    var receiveWindow = HTTP2Setting.defaultWindow
    /// What the peer may send on a new stream. Before it has seen our settings that is RFC 9113's default, if ours is less.
    var initialReceiveWindow: Int
    var unread = 0
    var guards: HTTP2FloodGuards
    var events = HTTP2EventQueue()

    // Streams.
    var streams = HTTP2StreamTable()
    var closedStreams = HTTP2ClosedStreams()
    /// The highest number of a stream that the peer (at a server) or we (at a client) opened.
    var lastStreamID: UInt32 = 0
    /// The highest number that a client used after the last GOAWAY of this server.
    var ignoredStreamID: UInt32 = 0

    // Sending.
    var output = ByteBuffer()
    var outputIsTaken = false
    /// Since when output has waited, when some does.
    var outputSince: Int64 = 0
    var encoder = HPACKEncoder()
    var templates: [HTTP2TemplateState] = []
    var sendWindow = HTTP2Setting.defaultWindow
    /// Bytes in the queues of all streams: what the peer's windows keep back.
    public internal(set) var queuedBytes = 0
    /// HEADERS or DATA were written since whoever reads this has cleared it.
    var hasSentOnStreams = false
    /// The list of slots with something to send, in turn.
    var firstListed: Int32 = -1
    var lastListed: Int32 = -1

    // Settings and shutdown.
    /// When our SETTINGS were sent; nil once they are acknowledged.
    var settingsSent: Int64?
    var shutdown = HTTP2Shutdown.none
    /// The last stream that the peer's GOAWAY promises to look at.
    var peerLastStreamID: UInt32?
    var drainedReported = false

    /// A connection whose transport has just connected: what it says first is in the output.
    public init(role: HTTP2Role, configuration: HTTP2Configuration = .init(), now: MonotonicTime) {
        self.role = role
        self.configuration = configuration
        self.now = now.nanoseconds
        phase = role == .server ? .preface : .settings
        initialReceiveWindow = max(configuration.streamWindow, HTTP2Setting.defaultWindow)
        decoder = HPACKDecoder(maxTableSize: max(configuration.headerTableSize, HPACKEncoder.tableBytes))
        guards = HTTP2FloodGuards(configuration.limits, now: now.nanoseconds)
        sendPreface()
    }
}

extension HTTP2Connection {
    /// Streams that are open: opened, and not closed.
    public var openStreams: Int { streams.openCount }

    /// Whether the connection has ended: nothing is read, and what is sent goes nowhere.
    public var hasEnded: Bool { phase == .ended }

    /// Whether this side or the peer has begun to shut down.
    public var isGoingAway: Bool { shutdown != .none || peerLastStreamID != nil || hasEnded }

    /// Whether a client may open a stream now.
    public var canOpenStream: Bool { refusal == nil }

    /// Bytes that wait to be taken as output, without the queues of streams.
    public var outputBytes: Int { outputIsTaken ? 0 : output.readableBytes }

    /// Whether to read from the transport: false while the peer does not read what it causes us to write.
    public var wantsInput: Bool { outputBytes <= 4 * configuration.outputBytes }
}
