/// The bounds of an `EmbeddedStore`.
public struct EmbeddedStoreLimits: Hashable, Sendable {
    /// How many past revisions can be read and watched from; older ones are given up by `run` (when a quarter more than
    /// this has gathered), so that memory stays bounded under endless writes.
    public var historyRevisions: Int64 = 10_000
    /// Keys and values of one request, in bytes; etcd's bound of 1.5 MiB.
    public var maximumRequestBytes = 1_572_864
    /// Writes that may wait for the disk; more fail with `.overloaded`.
    public var maximumWaitingWrites = 10_000
    /// When the log has grown by this, or by the size of the last snapshot if that is more, a snapshot takes its place.
    public var snapshotAfterLogBytes = 16 * 1024 * 1024
    /// How often `run` looks for expired leases.
    public var expiryInterval = Duration.milliseconds(250)

    /// Watch events that one watcher may have waiting; beyond it is served from history.
    var watchBacklog = 1_000
    /// The keys and values of all waiting writes, in bytes.
    var maximumWaitingBytes = 64 * 1024 * 1024
    var expiredLeasesPerRound = 1_000
    var revisionsPerCompaction: Int64 = 1_000

    public init() {}
}
