public import ApusPrimitives

/// One version of a key.
public struct KeyValue: Hashable, Sendable {
    public var key: Bytes
    public var value: Bytes
    /// The revision that created the key (again, if it had been deleted).
    public var createRevision: Revision
    /// The revision that wrote this version.
    public var modRevision: Revision
    /// 1 when created, one more with every put.
    public var version: Int64
    /// The lease that the key dies with, or `.none`.
    public var lease: LeaseID

    public init(
        key: Bytes, value: Bytes, createRevision: Revision, modRevision: Revision, version: Int64,
        lease: LeaseID = .none
    ) {
        self.key = key
        self.value = value
        self.createRevision = createRevision
        self.modRevision = modRevision
        self.version = version
        self.lease = lease
    }
}
