/// Sizes and bounds of a log.
public struct RaftLogOptions: Hashable, Sendable {
    /// The bytes of one file of the log; a record that is longer gets a longer file. At least 8 KiB.
    public var segmentBytes = 16 << 20
    /// Bytes of writes that may wait for the disk; those that are being written come on top. A write that nothing waits
    /// before is taken whatever its size.
    public var maximumWaitingBytes = 128 << 20
    /// Writes that may wait for the disk.
    public var maximumWaitingWrites = 65_536
    /// Bytes of entries that share one sync, and no more than a quarter of a segment; one write is never divided.
    public var maximumBatchBytes = 4 << 20
    /// Files kept for later use when they are no longer needed. At least 1, which is the reserve of a full disk.
    public var maximumSpareSegments = 2
    /// Bytes set aside for a snapshot on a full disk, since without a snapshot the log cannot become shorter.
    public var snapshotReserveBytes = 64 << 20
    /// How often a full disk is asked again, in milliseconds.
    public var fullDiskRetryMilliseconds = 100

    public init() {}
}
