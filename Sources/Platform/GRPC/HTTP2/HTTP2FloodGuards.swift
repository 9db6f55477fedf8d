/// The counts that `HTTP2Limits` bounds.
struct HTTP2FloodGuards: Sendable {
    /// DATA bytes that earn a ping back.
    static let bytesPerPing = 1_024
    /// WINDOW_UPDATE frames that a DATA frame of ours earns back; it also earns a ping.
    static let updatesPerData = 4
    /// A DATA frame that is smaller because the peer's window is earns nothing.
    static let dribbleBytes = 256

    /// Frames that may come late for each stream that closes.
    static let latePerStream = 4

    var resets: HTTP2TokenBucket
    var settings: HTTP2TokenBucket
    var pings: HTTP2TokenBucket
    var emptyData: HTTP2TokenBucket
    var windowUpdates: HTTP2TokenBucket
    var ignored: HTTP2TokenBucket
    var late: HTTP2TokenBucket

    init(_ limits: HTTP2Limits, now: Int64) {
        resets = HTTP2TokenBucket(limits.resets, now: now)
        settings = HTTP2TokenBucket(limits.settings, now: now)
        pings = HTTP2TokenBucket(limits.pings, now: now)
        emptyData = HTTP2TokenBucket(limits.emptyData, now: now)
        windowUpdates = HTTP2TokenBucket(limits.windowUpdates, now: now)
        ignored = HTTP2TokenBucket(limits.ignored, now: now)
        late = HTTP2TokenBucket(limits.late, now: now)
    }
}
