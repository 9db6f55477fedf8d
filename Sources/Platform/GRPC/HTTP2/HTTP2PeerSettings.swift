/// The peer's settings (RFC 9113, section 6.5.2), at their initial values until it sends others.
public struct HTTP2PeerSettings: Hashable, Sendable {
    /// Bytes of the table with which our fields may be compressed.
    public internal(set) var headerTableSize = 4_096
    /// Streams that we may have open at once. Until the peer's first SETTINGS it counts as `initialStreams`.
    public internal(set) var maxConcurrentStreams = Self.initialStreams
    /// What we may send on a new stream.
    public internal(set) var initialWindowSize = 65_535
    /// The largest frame that we may send.
    public internal(set) var maxFrameSize = 16_384
    /// Bytes of the largest list of fields that the peer takes; nil: it did not say.
    public internal(set) var maxHeaderListSize: Int?

    /// What RFC 9113 recommends that any peer should allow.
    public static let initialStreams = 100
}

/// The numbers of the settings on the wire.
enum HTTP2Setting {
    static let headerTableSize: UInt16 = 0x1
    static let enablePush: UInt16 = 0x2
    static let maxConcurrentStreams: UInt16 = 0x3
    static let initialWindowSize: UInt16 = 0x4
    static let maxFrameSize: UInt16 = 0x5
    static let maxHeaderListSize: UInt16 = 0x6

    /// The largest value of a window (RFC 9113, section 6.9.1).
    static let maxWindow = 0x7FFF_FFFF
    static let defaultWindow = 65_535
    static let frameSizes = 16_384...0xFF_FFFF
}
