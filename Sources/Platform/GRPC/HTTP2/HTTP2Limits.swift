/// The bounds that keep a peer from costing more than it pays. Each is counted for one connection; passing one ends the
/// connection with GOAWAY and ENHANCE_YOUR_CALM, unless it says otherwise.
///
/// Rates are token buckets: `burst` events at once, and `perSecond` more as time passes.
public struct HTTP2Limits: Sendable {
    public struct Rate: Hashable, Sendable {
        public var burst: Int
        public var perSecond: Int

        public init(burst: Int, perSecond: Int) {
            self.burst = burst
            self.perSecond = perSecond
        }
    }

    /// Streams that the peer reset, or made us reset by breaking a rule, before they were complete: rapid reset
    /// (CVE-2023-44487, CVE-2025-8671). Deadlines and hedging of honest clients reset streams too, so it is generous.
    public var resets = Rate(burst: 1_000, perSecond: 500)
    /// SETTINGS frames, each of which must be acknowledged (CVE-2019-9515).
    public var settings = Rate(burst: 64, perSecond: 8)
    /// PING frames, each of which must be answered (CVE-2019-9512). Every HEADERS frame, every 1 KiB of DATA and every
    /// DATA frame of ours earns one back, because peers measure the bandwidth with pings.
    public var pings = Rate(burst: 256, perSecond: 16)
    /// DATA frames without data that do not end the stream (CVE-2019-9518).
    public var emptyData = Rate(burst: 128, perSecond: 16)
    /// WINDOW_UPDATE frames. What we send earns them back: four for every DATA frame.
    public var windowUpdates = Rate(burst: 4_096, perSecond: 1_024)
    /// PRIORITY frames, and frames of a type that RFC 9113 does not know: both are ignored, and cost time.
    public var ignored = Rate(burst: 1_024, perSecond: 128)
    /// Frames for streams that have closed. Every stream that closes earns four, for what crosses its end on the wire.
    public var late = Rate(burst: 4_096, perSecond: 1_024)

    /// Bytes of one compressed field block, over all its frames (CONTINUATION flood, CVE-2024-27316).
    public var headerBlockBytes = 64 * 1024
    /// CONTINUATION frames of one field block.
    public var continuations = 16
    /// Bytes of one field list, counted as RFC 9113, section 6.5.2 does: names, values and 32 for each field. A list that
    /// is longer resets its stream; one that is longer by eight times ends the connection (HPACK bomb).
    public var headerListBytes = 16 * 1024
    /// Fields of one list; more of them reset the stream.
    public var headerFields = 256
    /// Bytes of debug data that are kept of a GOAWAY.
    public var debugDataBytes = 1024
    /// Entries of one SETTINGS frame.
    public var settingsEntries = 64

    /// How long the peer may take to acknowledge our settings; then GOAWAY with SETTINGS_TIMEOUT.
    public var settingsTimeout = Duration.seconds(10)
    /// How long output may wait for a peer that does not read; then the connection ends.
    public var stalledOutputTimeout = Duration.seconds(30)
    /// How long the first step of a graceful shutdown waits for the peer's ping.
    public var drainPingTimeout = Duration.seconds(5)

    public init() {}
}
