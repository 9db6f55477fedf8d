import ApusPrimitives

/// One change of one key, as a watcher sees it.
public struct Event: Hashable, Sendable {
    public enum Kind: UInt8, Sendable {
        case put
        case delete
    }

    public var kind: Kind
    /// The new version; for a deletion only its key and its mod revision are set.
    public var kv: KeyValue
    /// The key before the revision of this event, unless it was absent or has been compacted away.
    public var previous: KeyValue?

    public init(kind: Kind, kv: KeyValue, previous: KeyValue? = nil) {
        self.kind = kind
        self.kv = kv
        self.previous = previous
    }

    public var revision: Revision { kv.modRevision }

    /// Of its keys and values, which are nearly all that it takes.
    var bytes: Int {
        kv.key.count + kv.value.count + (previous.map { $0.key.count + $0.value.count } ?? 0)
    }
}
