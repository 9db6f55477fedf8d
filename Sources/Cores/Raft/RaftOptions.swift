/// The times and bounds of a node. All nodes of a cluster should have the same.
public struct RaftOptions: Hashable, Sendable {
    /// A follower that hears nothing for a random number of ticks from here to twice as many campaigns.
    public var electionTicks = 10
    /// A leader's heartbeat, in ticks; less than `electionTicks`.
    public var heartbeatTicks = 1
    /// Ask before campaigning, so that who was cut off does not disturb (dissertation, section 9.6).
    public var preVote = true
    /// A leader that did not hear from a majority for `electionTicks` steps down, and followers that hear from a leader vote
    /// for nobody. Lease reads need it.
    public var checkQuorum = true
    /// A lease ends this many ticks before `electionTicks` have passed since the heartbeats went out that a majority
    /// answered. One is lost to the ticks' granularity; each further one allows for clocks that differ in speed by about
    /// `1 / electionTicks`. At least 1; with `electionTicks` or more there is no lease, and lease reads take a round as others do.
    public var leaseMarginTicks = 3
    /// The payload bytes of one append; at least one entry travels whatever its size.
    public var maximumMessageBytes = 1 << 20
    /// Appends under way to one follower.
    public var maximumInflightMessages = 256
    /// Bytes of appends under way to one follower.
    public var maximumInflightBytes = 32 << 20
    /// Bytes of entries proposed and not yet committed; a leader refuses more.
    public var maximumUncommittedBytes = 64 << 20
    /// Bytes of entries handed out in `Ready.committed` and not yet applied.
    public var maximumUnappliedBytes = 16 << 20
    /// Bytes of entries kept in memory; when they are more, and the snapshot lags behind, a leader refuses proposals.
    public var maximumLogBytes = 512 << 20
    /// Entries kept before a snapshot, so that slow followers need none.
    public var trailingEntries = 5_000
    /// Bytes of applied entries kept in memory, about: at most twice as many, and on a leader all that a member does not have yet.
    /// Who needs others, of a leader that was a follower before, is sent a snapshot.
    public var trailingBytes = 4 << 20
    /// Linearizable reads waiting for confirmation.
    public var maximumPendingReads = 65_536
    /// The bytes of one piece of a snapshot.
    public var snapshotChunkBytes = 256 << 10
    /// A node whose disk did not acknowledge a write for this many ticks gives up leadership, and campaigns for none.
    public var stalledDiskTicks = 10

    public init() {}

    /// With every number in a range that makes sense.
    var sane: RaftOptions {
        var sane = self
        sane.electionTicks = min(max(2, electionTicks), 1 << 20)
        sane.heartbeatTicks = min(max(1, heartbeatTicks), sane.electionTicks - 1)
        sane.leaseMarginTicks = min(max(1, leaseMarginTicks), sane.electionTicks)
        sane.maximumMessageBytes = max(1, maximumMessageBytes)
        sane.maximumInflightMessages = max(1, maximumInflightMessages)
        sane.maximumInflightBytes = max(1, maximumInflightBytes)
        sane.maximumUnappliedBytes = max(1, maximumUnappliedBytes)
        sane.trailingEntries = max(0, trailingEntries)
        sane.trailingBytes = max(0, trailingBytes)
        sane.snapshotChunkBytes = max(1, snapshotChunkBytes)
        sane.stalledDiskTicks = max(1, stalledDiskTicks)
        return sane
    }
}
