import ApusPrimitives

/// A multi-version key-value store with the semantics of etcd v3, as a value.
///
/// No I/O, no clock, no randomness: whoever owns the store logs its commands, passes in the time, and decides who may
/// look. A copy is an O(1) snapshot that shares structure with the original; either may be read or written on any
/// thread without disturbing the other.
public struct KVStore: Sendable {
    /// The longest time to live a lease can be granted: about 285 years.
    public static let maximumLeaseTTLSeconds: Int64 = 9_000_000_000
    /// Operations of a transaction, nested ones taken from the budget of those around them.
    public static let maximumOperationsPerTransaction = 128

    /// A lease asked for with less is granted this; in etcd it follows from the election timeout.
    public let minimumLeaseTTLSeconds: Int64

    var current: Int64 = 1
    /// Below zero until the first compaction, as in etcd, where revision 0 can be compacted once.
    var compacted: Int64 = -1

    /// The latest version of every key that exists.
    var live = PersistentMap<Bytes, Record>()
    /// Every other version that can still be read, and the deletions.
    var past = PersistentMap<VersionKey, Record>()
    /// Every change since the last compaction, in order.
    var log = PersistentMap<Point, Record>()

    var leaseTable = PersistentMap<LeaseID, Lease>()
    /// See `storedBytes`; without the leases.
    var recordBytes: Int64 = 0

    var attachments = PersistentMap<Attachment, Void>()
    var expiries = PersistentMap<Expiry, Void>()

    /// An empty store at revision 1.
    public init(minimumLeaseTTLSeconds: Int64 = 2) {
        self.minimumLeaseTTLSeconds = max(1, minimumLeaseTTLSeconds)
    }

    /// The revision of the last change.
    public var revision: Revision { Revision(current) }

    /// The first revision that can be read; `.zero` before the first compaction.
    public var compactedRevision: Revision { Revision(max(0, compacted)) }
    /// Also when that was revision 0, which loses nothing.
    public var hasBeenCompacted: Bool { compacted >= 0 }

    /// About how much memory all that the store remembers takes: every version of every key, and the leases.
    public var storedBytes: Int64 { recordBytes + Int64(leaseTable.count) * Record.overheadBytes }

    /// How many keys exist.
    public var count: Int { live.count }
}
