public import ApusPrimitives

/// Writes one key.
public struct PutRequest: Hashable, Sendable {
    public var key: Bytes
    public var value: Bytes
    /// The lease that the key shall die with; `.none` takes it off any lease.
    public var lease: LeaseID
    /// Answer with what the key was before.
    public var previous: Bool
    /// Keep the value of the key, which must exist; `value` must be empty.
    public var ignoreValue: Bool
    /// Keep the lease of the key, which must exist; `lease` must be `.none`.
    public var ignoreLease: Bool

    public init(
        key: Bytes, value: Bytes, lease: LeaseID = .none, previous: Bool = false, ignoreValue: Bool = false,
        ignoreLease: Bool = false
    ) {
        self.key = key
        self.value = value
        self.lease = lease
        self.previous = previous
        self.ignoreValue = ignoreValue
        self.ignoreLease = ignoreLease
    }
}

public struct PutResponse: Hashable, Sendable {
    public var revision: Revision
    public var previous: KeyValue?

    public init(revision: Revision, previous: KeyValue? = nil) {
        self.revision = revision
        self.previous = previous
    }
}
